import numpy as np
import pytest
import torch
from pydantic import ValidationError

from edgecsi.channel import Dataset, split
from edgecsi.channel.tr38901 import ChannelGenerator, frequencies, generate
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.files import sha256_file
from edgecsi.metrics import Energies
from edgecsi.radio import ArrayGeometry, RadioSetting


def load(path):
    with Dataset.open(path) as ds:
        return ds, ds.history(slice(None)), ds.future(slice(None))


def hold_last_db(history, future):
    return Energies.of(np.broadcast_to(history[:, :, -1:], future.shape), future).mean_db()


def test_same_recipe_same_bytes_on_any_number_of_threads(tiny_dataset, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        generate(tmp_path / "again.h5", DataOptions(users_per_drop=3, seed=1, users=24))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert sha256_file(tmp_path / "again.h5") == sha256_file(tiny_dataset)


def test_drawing_leaves_torchs_own_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ChannelGenerator(DataOptions(users_per_drop=2)).batch(0)
    assert torch.equal(torch.rand(3), expected)


def test_fewer_users_are_the_first_of_more(tiny_dataset, tmp_path):
    generate(tmp_path / "few.h5", DataOptions(users_per_drop=3, seed=1, users=10))
    _, few, _ = load(tmp_path / "few.h5")
    _, many, _ = load(tiny_dataset)
    np.testing.assert_array_equal(few, many[:10])


def test_another_seed_and_another_drop_are_other_channels():
    first, second = (ChannelGenerator(DataOptions(users_per_drop=10, seed=seed)) for seed in (0, 1))
    batches = [first.batch(0)[0], first.batch(1)[0], second.batch(0)[0]]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        for x, y in zip(batches[one], batches[other], strict=True):
            assert abs(np.vdot(x, y)) < 0.6 * np.linalg.norm(x) * np.linalg.norm(y)


def test_speeds_and_drops(tiny_dataset):
    ds, *_ = load(tiny_dataset)
    assert ds.speed_kmh.min() >= 10
    assert ds.speed_kmh.max() <= 100
    assert np.ptp(ds.speed_kmh) > 50
    np.testing.assert_array_equal(ds.drop, np.arange(24) // 3)
    assert len(split(ds).test) == 3


def test_power_is_physical(tiny_dataset):
    _, history, _ = load(tiny_dataset)
    rms = np.sqrt((np.abs(history) ** 2).mean((1, 2, 3)))
    assert rms.min() > 1e-9
    assert rms.max() < 1e-3
    vertical, horizontal = (np.abs(history.reshape(24, 16, 2, -1)) ** 2).mean((0, 1, 3))
    assert vertical > 2 * horizontal  # an upright vertical antenna; the same in QuaDRiGa's files


def test_faster_users_change_more(tmp_path):
    aging = []
    for speed in (0.0, 10.0, 100.0):
        generate(tmp_path / "s.h5", DataOptions(speed_kmh=(speed, speed), users_per_drop=5, users=10))
        ds, history, future = load(tmp_path / "s.h5")
        np.testing.assert_allclose(ds.speed_kmh, speed, rtol=1e-5)
        aging.append(hold_last_db(history, future))
    assert aging[0] < -60
    assert aging[0] < aging[1] < aging[2]


def test_fdd_predicts_the_adjacent_band(tmp_path):
    generate(tmp_path / "tdd.h5", DataOptions(users_per_drop=5, users=10))
    generate(tmp_path / "fdd.h5", DataOptions(users_per_drop=5, duplex="fdd", users=10))
    tdd, history, same_band = load(tmp_path / "tdd.h5")
    fdd, fdd_history, other_band = load(tmp_path / "fdd.h5")
    assert (tdd.radio.duplex, fdd.radio.duplex) == ("tdd", "fdd")
    np.testing.assert_array_equal(history, fdd_history)
    # The bands touch: their nearest subcarriers are one spacing apart, their farthest are not alike.
    near, far = (
        abs(np.vdot(same_band[..., 47], other_band[..., k]))
        / (np.linalg.norm(same_band[..., 47]) * np.linalg.norm(other_band[..., k]))
        for k in (0, 47)
    )
    assert near > 0.7
    assert far < 0.5


@pytest.mark.parametrize("scenario", ["uma", "umi"])
@pytest.mark.parametrize("pattern", ["omni", "38.901"])
def test_line_of_sight_is_stronger_and_flatter(scenario, pattern):
    power, spread = {}, {}
    for los in (True, False):
        options = DataOptions(scenario=scenario, los=los, ue_pattern=pattern, users_per_drop=10)
        csi = np.concatenate([ChannelGenerator(options).batch(batch)[0] for batch in range(2)])[:, :, 0]
        profile = (np.abs(np.fft.ifft(csi)) ** 2).sum(1)
        power[los] = np.median(profile.sum(-1))
        spread[los] = np.median(profile.max(-1) / profile.sum(-1))
    assert power[True] > power[False]
    assert spread[True] > spread[False]


def test_mixed_users_have_one_pattern_or_the_other():
    batches = {
        pattern: [ChannelGenerator(DataOptions(ue_pattern=pattern)).batch(index)[0] for index in range(2)]
        for pattern in ("omni", "38.901", "mixed")
    }
    np.testing.assert_array_equal(batches["mixed"][0], batches["omni"][0])
    np.testing.assert_array_equal(batches["mixed"][1], batches["38.901"][1])
    assert not np.array_equal(batches["omni"][1], batches["38.901"][1])


def test_the_whole_setting_is_drawn_and_written(tmp_path):
    options = DataOptions(
        carrier_ghz=3.5, subcarrier_khz=360, step_ms=1, subcarriers=52, history=20, future=6, duplex="fdd",
        band_gap_mhz=100, columns=8, rows=4, row_spacing=0.8, users=2, users_per_drop=1, test_share=0.4,
    )  # fmt: skip
    generate(tmp_path / "wide.h5", options)
    ds, history, future = load(tmp_path / "wide.h5")
    assert ds.radio == RadioSetting(
        carrier_hz=3.5e9, subcarrier_spacing_hz=360e3, step_s=1e-3, subcarriers=52, history=20, future=6,
        duplex="fdd", band_gap_hz=1e8, array=ArrayGeometry(columns=8, rows=4, row_spacing=0.8),
    )  # fmt: skip
    assert (history.shape, future.shape) == ((2, 64, 20, 52), (2, 64, 6, 52))
    assert ds.origin.test_share == 0.4


def test_one_polarisation_is_the_vertical_one_of_two():
    one, two = (
        ChannelGenerator(DataOptions(columns=8, rows=2, polarisations=count, users_per_drop=2)).batch(0)[0]
        for count in (1, 2)
    )
    assert one.shape == (10, 16, 20, 96)
    np.testing.assert_allclose(one, two[:, ::2], rtol=1e-4, atol=1e-3 * np.abs(two).max())


@pytest.mark.parametrize(("step_ms", "carrier_ghz"), [(2.0, 2.4), (0.5, 9.6)])
def test_a_longer_step_or_a_higher_carrier_is_a_faster_user(step_ms, carrier_ghz):
    def coherence(**changes):
        csi = ChannelGenerator(DataOptions(users_per_drop=10, speed_kmh=(30, 30), **changes)).batch(0)[0]
        return abs(np.vdot(csi[:, :, 0], csi[:, :, 4])) / np.linalg.norm(csi[:, :, 0]) ** 2

    assert coherence(step_ms=step_ms, carrier_ghz=carrier_ghz) < 0.8 * coherence()


def test_the_future_band_begins_above_the_gap():
    radio = RadioSetting(subcarriers=4, subcarrier_spacing_hz=100.0, duplex="fdd", band_gap_hz=1000.0)
    assert frequencies(radio).tolist() == [-400, -300, -200, -100, 1000, 1100, 1200, 1300]


def test_a_gap_changes_the_other_band_alone():
    near, far = (
        ChannelGenerator(DataOptions(users_per_drop=2, duplex="fdd", band_gap_mhz=gap)).batch(0)[0]
        for gap in (0, 50)
    )
    np.testing.assert_array_equal(near[..., :48], far[..., :48])
    power = [np.linalg.norm(csi[..., 48:]) for csi in (near, far)]
    assert power[1] == pytest.approx(power[0], rel=0.3)
    assert not np.allclose(near[..., 48:], far[..., 48:], atol=0.1 * np.abs(near).max())


@pytest.mark.parametrize(
    "field", [name for name, field in DataOptions.model_fields.items() if field.annotation is float]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1.0])
def test_every_number_is_finite_and_bounded(field, value):
    with pytest.raises(ValidationError, match=field):
        DataOptions(**{field: value})


def test_every_option_is_explained_and_has_a_default():
    assert all(field.description and not field.is_required() for field in DataOptions.model_fields.values())


@pytest.mark.parametrize(
    "wrong", [{"speed_kmh": (9, 5)}, {"band_gap_mhz": 5}, {"users": 0}, {"polarisations": 3}, {"antennas": 8}]
)
def test_options_that_mean_nothing(wrong):
    with pytest.raises(ValidationError):
        DataOptions(**wrong)
