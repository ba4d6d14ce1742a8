import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.metrics import Energies
from edgecsi.metrics.nmse import FLOOR_DB


def csi(users: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal((users, 4, 3, 5, 2)) @ [1, 1j]).astype(np.complex64)


def of(error, signal) -> Energies:
    """Users with one step each."""
    return Energies(np.array(error, float)[:, None], np.array(signal, float)[:, None])


def test_predicting_zeros_is_zero_db():
    truth = csi(3)
    energies = Energies.of(np.zeros_like(truth), truth)
    assert energies.mean_db() == pytest.approx(0)
    assert energies.pooled_db() == pytest.approx(0)


def test_an_exact_prediction_is_finite():
    truth = csi(3)
    assert Energies.of(truth, truth).mean_db() == FLOOR_DB


@given(error=st.floats(1e-4, 10), scale=st.floats(1e-9, 1e4))
def test_a_relative_error_reads_the_same_at_any_scale(error, scale):
    truth = scale * csi(2).astype(np.complex128)
    assert Energies.of(truth * (1 + error), truth).mean_db() == pytest.approx(20 * np.log10(error), abs=1e-6)


def test_the_mean_weighs_users_alike_and_the_pooled_ratio_by_power():
    energies = of([1.0, 1.0], [1.0, 100.0])
    assert energies.mean_db() == pytest.approx(10 * np.log10((1 + 0.01) / 2))
    assert energies.pooled_db() == pytest.approx(10 * np.log10(2 / 101))


def test_steps_are_told_apart():
    truth = csi(2)
    prediction = truth.copy()
    prediction[:, :, 1] *= 1.1
    energies = Energies.of(prediction, truth, step_axis=2)
    assert energies.error.shape == (2, 3)
    assert energies.steps_db() == pytest.approx([FLOOR_DB, -20, FLOOR_DB], abs=1e-3)


@pytest.mark.parametrize("axis", [None, 1, 2, 3])
def test_the_whole_is_the_sum_of_its_steps(axis):
    truth, prediction = csi(3), csi(3, seed=1)
    whole, steps = Energies.of(prediction, truth), Energies.of(prediction, truth, axis)
    np.testing.assert_allclose(steps.ratios, whole.ratios)


def test_real_series_have_energies_too():
    truth = np.ones((2, 3, 4), np.float32)
    assert Energies.of(1.1 * truth, truth, 1).mean_db() == pytest.approx(-20, abs=1e-4)


def test_the_standard_error_is_how_much_means_of_other_users_differ():
    random = np.random.default_rng(0)
    error = random.lognormal(-3, 1, (400, 500))  # 400 draws of 500 users
    means = [of(users, np.ones(500)).mean_db() for users in error]
    assert of(error[0], np.ones(500)).standard_error_db() == pytest.approx(np.std(means), rel=0.25)


def test_one_user_tells_no_standard_error():
    assert of([0.1], [1.0]).standard_error_db() is None
