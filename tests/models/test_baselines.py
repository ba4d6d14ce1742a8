import numpy as np
import pytest

from edgecsi.models.baselines import hold_last, phase_rotation


@pytest.fixture
def history():
    """complex64 [user, antenna, T, K]."""
    random = np.random.default_rng(0)
    return (random.standard_normal((3, 2, 6, 4, 2)).astype(np.float32) @ [1, 1j]).astype(np.complex64)


def test_hold_last_repeats_the_last_step(history):
    future = hold_last(history, 3)
    assert future.shape == (3, 2, 3, 4)
    assert future.dtype == np.complex64
    for step in range(3):
        np.testing.assert_array_equal(future[:, :, step], history[:, :, -1])


def test_phase_rotation_is_exact_for_one_doppler_shift_per_user(history):
    doppler = np.array([0.3, -1.2, 0.0])
    steps = np.exp(1j * doppler[:, None] * np.arange(10))
    whole = (history[:, :, :1] * steps[:, None, :, None]).astype(np.complex64)
    future = phase_rotation(whole[:, :, :6], 4)
    assert future.dtype == np.complex64
    np.testing.assert_allclose(future, whole[:, :, 6:], rtol=1e-4, atol=1e-5)
