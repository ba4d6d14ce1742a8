import numpy as np
import pytest
from plane_waves import plane_waves

from edgecsi.metrics import Energies
from edgecsi.models.baselines import BASELINES
from edgecsi.models.baselines.angle_delay import from_angle_delay, to_angle_delay
from edgecsi.models.baselines.bin_rotation import bin_rotation
from edgecsi.models.baselines.hold_last import hold_last
from edgecsi.models.baselines.phase_rotation import phase_rotation
from edgecsi.models.baselines.ridge_ar import ORDERS, RIDGES, RidgeAr, _neighbours, choose_ridge_ar
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS
from edgecsi.users import Users

RADIO = RadioSetting()


def noisy(users, snr_db=10.0):
    """The same with noise."""
    return Users(TASKS.get("csi").add_noise(users.inputs, np.arange(len(users)), snr_db, 0, 0), users.targets)


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
    """Two users whose channels are few plane waves, each with its own Doppler shift."""
    return Users(*plane_waves(2, 3, 0.03, 1, seed=1))


def nmse_db(prediction, truth):
    return Energies.of(prediction, truth).mean_db()


@pytest.mark.parametrize("order", ["column-row-polarisation", "polarisation-row-column"])
@pytest.mark.parametrize("sizes", [(4, 4, 2), (8, 1, 1), (2, 3, 2)])
def test_angle_delay_transform_is_unitary_and_invertible(sizes, order):
    names = dict(zip(("columns", "rows", "polarisations"), sizes, strict=True))
    radio = RadioSetting(array=ArrayGeometry(**names, element_order=order))
    csi, _ = plane_waves(2, 3, 0.03, 1, radio=radio)
    bins = to_angle_delay(csi, radio.array)
    assert bins.shape == (2, *sizes, 48, 16)
    assert np.sum(np.abs(bins) ** 2) == pytest.approx(np.sum(np.abs(csi) ** 2), rel=1e-5)
    np.testing.assert_allclose(from_angle_delay(bins, radio.array), csi, atol=1e-5)


@pytest.mark.parametrize("pooled", [False, True])
def test_ridge_ar_extrapolates_plane_waves(paths, pooled):
    future = RidgeAr(RADIO, order=6, ridge=1e-6, pooled=pooled)(paths.inputs)
    assert future.shape == (2, 32, 4, 48)
    assert nmse_db(future, paths.targets) < -40


def test_bin_rotation_beats_one_rotation_where_paths_move_differently(paths):
    turned, alike = bin_rotation(paths.inputs, RADIO), phase_rotation(paths.inputs, 4)
    assert nmse_db(turned, paths.targets) < nmse_db(alike, paths.targets)


def test_pooling_helps_in_noise(paths):
    inputs = noisy(paths).inputs
    plain, pooled = (nmse_db(RidgeAr(RADIO, 4, 3.0, p)(inputs), paths.targets) for p in (False, True))
    assert pooled < plain


@pytest.mark.parametrize(("size", "expected"), [(1, [0]), (2, [2, 1]), (3, [5, 4, 3]), (4, [6, 4, 6, 4])])
def test_a_bin_has_no_neighbour_twice_and_is_none_of_its_own(size, expected):
    assert _neighbours(1.0 + np.arange(size), 0).tolist() == expected


def test_the_chosen_order_and_ridge_are_the_best_of_the_choices(paths):
    users = noisy(paths)
    chosen = choose_ridge_ar(users, RADIO)
    others = [RidgeAr(RADIO, order, ridge) for order in ORDERS for ridge in RIDGES]
    assert nmse_db(chosen(users.inputs), users.targets) == min(
        nmse_db(other(users.inputs), users.targets) for other in others
    )


def test_an_order_takes_twice_as_many_samples(paths):
    radio = RadioSetting(history=12)
    users = Users(paths.inputs[:, :, -12:], paths.targets)
    assert choose_ridge_ar(users, radio).order in (2, 4)


@pytest.mark.parametrize("name", BASELINES.names)
def test_a_baseline_without_parameters_does_not_look_at_the_users(name):
    row = BASELINES.get(name)
    assert row.title
    if not row.tuned:
        assert row.choose(None, RADIO)(np.ones((1, *RADIO.history_shape), np.complex64)).shape == (
            1,
            32,
            4,
            48,
        )
