"""Systems without a Cholesky, against numpy's."""

import numpy as np
import pytest
import torch

from edgecsi.models.elimination import PANEL, eliminate


def systems(size, condition, count=3, seed=0):
    """Symmetric positive definite matrices of a condition number, and right-hand sides; float64."""
    random = np.random.default_rng(seed)
    turned = np.linalg.qr(random.standard_normal((count, size, size)))[0]
    values = np.geomspace(1, condition, size)
    return (turned * values) @ turned.swapaxes(1, 2), random.standard_normal((count, 4, size))


@pytest.mark.parametrize("size", [1, PANEL - 3, PANEL, PANEL + 1, 7 * PANEL])
def test_it_solves_and_inverts(size):
    matrix, right = systems(size, 1e3)
    solved = eliminate(torch.from_numpy(matrix), torch.from_numpy(right))
    wanted = np.linalg.solve(matrix, right.swapaxes(1, 2)).swapaxes(1, 2)
    np.testing.assert_allclose(solved.solution().numpy(), wanted, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(solved.inverse().numpy(), np.linalg.inv(matrix), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("condition", [1e4, 1e6])
def test_in_fp32_it_is_as_good_as_a_cholesky_in_fp32(condition):
    matrix, right = systems(112, condition)
    exact = np.linalg.solve(matrix, right.swapaxes(1, 2)).swapaxes(1, 2)
    single = torch.from_numpy(matrix).float(), torch.from_numpy(right).float()
    library = torch.cholesky_solve(single[1].transpose(1, 2), torch.linalg.cholesky(single[0]))
    ours, theirs = eliminate(*single).solution().numpy(), library.transpose(1, 2).numpy()
    assert np.square(ours - exact).sum() < 4 * np.square(theirs - exact).sum()


def test_a_pivot_lost_to_rounding_makes_no_infinity():
    solved = eliminate(torch.zeros(1, 20, 20), torch.ones(1, 2, 20))
    assert solved.solution().isfinite().all()
