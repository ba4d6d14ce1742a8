import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.interleaved import to_complex
from edgecsi.metrics import Energies
from edgecsi.models.losses import user_nmse


@given(exponent=st.floats(-8, 4), seed=st.integers(0, 99))
def test_it_is_the_one_definition_of_nmse_at_any_scale(exponent, seed):
    random = torch.Generator().manual_seed(seed)
    truth, future = (5e-6 * 10**exponent * torch.randn(3, 2, 4, 3, 2, generator=random) for _ in range(2))
    expected = Energies.of(to_complex(future.numpy()), to_complex(truth.numpy())).ratios
    np.testing.assert_allclose(user_nmse(future, truth).numpy(), expected, rtol=1e-4)


def test_any_axes_behind_the_users_will_do():
    truth, future = torch.randn(2, 4, 5, 7)
    expected = Energies.of(future.numpy(), truth.numpy()).ratios
    np.testing.assert_allclose(user_nmse(future, truth).numpy(), expected, rtol=1e-4)


def test_dead_antennas_of_a_living_user_count_as_nothing_to_predict():
    truth = torch.randn(2, 1, 4, 3, 2)
    truth[1] = 0
    future = torch.randn(2, 1, 4, 3, 2, requires_grad=True)
    loss = user_nmse(future, truth)
    loss.sum().backward()
    assert loss[0] > 0
    assert loss[1] == 0
    assert future.grad[0].abs().max() > 0
    assert (future.grad[1] == 0).all()


def test_half_precision_predictions_are_judged_in_full():
    truth = torch.ones(1, 1, 1, 1, 2)
    assert user_nmse((1.5 * truth).bfloat16(), truth).item() == pytest.approx(0.25)
