import numpy as np
import pytest

from edgecsi.channel import add_noise
from edgecsi.csi import CsiShape
from edgecsi.metrics import nmse_mean_db, user_energies
from edgecsi.models.baselines import (
    RidgeAr,
    bin_rotation,
    choose_ridge_ar,
    from_angle_delay,
    hold_last,
    phase_rotation,
    ridge_ar_applies,
    to_angle_delay,
)
from edgecsi.models.baselines.ridge_ar import CHOICES


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


@pytest.fixture(scope="module")
def paths():
    """Two users whose channels are few plane waves, each with its own Doppler shift: [2, 32, 20, 48]."""
    random = np.random.default_rng(1)
    column, row = np.arange(4), np.arange(4)
    csi = np.zeros((2, 4, 4, 2, 20, 48), complex)
    for user in csi:
        for _ in range(3):
            u, v, delay, doppler = random.uniform(-np.pi, np.pi, 4) * (1, 1, 1, 0.2)
            wave = np.exp(1j * u * column)[:, None, None] * np.exp(1j * v * row)[None, :, None]
            wave = wave * np.exp(2j * np.pi * random.uniform(size=2))  # a phase per polarisation
            tone = np.exp(1j * (doppler * np.arange(20)[:, None] + delay * np.arange(48)))
            user += wave[..., None, None] * tone
    return csi.reshape(2, 32, 20, 48).astype(np.complex64)


def nmse_db(prediction, truth):
    return nmse_mean_db(*user_energies(prediction, truth))


def test_angle_delay_transform_is_unitary_and_invertible(paths):
    bins = to_angle_delay(paths)
    assert np.sum(np.abs(bins) ** 2) == pytest.approx(np.sum(np.abs(paths) ** 2), rel=1e-5)
    np.testing.assert_allclose(from_angle_delay(bins), paths, atol=1e-5)


@pytest.mark.parametrize("pooled", [False, True])
def test_ridge_ar_extrapolates_plane_waves(paths, pooled):
    future = RidgeAr(order=6, ridge=1e-6, pooled=pooled)(paths[:, :, :16], 4)
    assert future.shape == (2, 32, 4, 48)
    assert nmse_db(future, paths[:, :, 16:]) < -40


def test_bin_rotation_beats_one_rotation_where_paths_move_differently(paths):
    history, truth = paths[:, :, :16], paths[:, :, 16:]
    assert nmse_db(bin_rotation(history, 4), truth) < nmse_db(phase_rotation(history, 4), truth)


def test_pooling_helps_in_noise(paths):
    history = add_noise(paths[:, :, :16], np.arange(2), 10.0, seed=0)
    plain, pooled = (nmse_db(RidgeAr(4, 3.0, p)(history, 4), paths[:, :, 16:]) for p in (False, True))
    assert pooled < plain


def test_the_chosen_order_and_ridge_are_the_best_of_the_choices(paths):
    history = add_noise(paths[:, :, :16], np.arange(2), 10.0, seed=0)
    chosen = choose_ridge_ar(history, paths[:, :, 16:])
    others = [RidgeAr(order, ridge) for order, ridge in CHOICES]
    assert nmse_db(chosen(history, 4), paths[:, :, 16:]) == min(
        nmse_db(other(history, 4), paths[:, :, 16:]) for other in others
    )


def test_ridge_ar_needs_the_array_and_a_long_enough_history():
    assert ridge_ar_applies(CsiShape())
    assert not ridge_ar_applies(CsiShape(antennas=8))
    assert not ridge_ar_applies(CsiShape(history=8))
