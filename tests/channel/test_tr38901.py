import numpy as np
import pytest
import torch

from edgecsi.channel import Dataset, split
from edgecsi.channel.tr38901 import ChannelGenerator, Recipe, generate
from edgecsi.errors import DataError
from edgecsi.files import sha256_file
from edgecsi.metrics import nmse_mean_db, user_energies


def load(path):
    with Dataset.open(path) as ds:
        return ds, ds.history(slice(None)), ds.future(slice(None))


def hold_last_db(history, future):
    return nmse_mean_db(*user_energies(np.broadcast_to(history[:, :, -1:], future.shape), future))


def test_same_recipe_same_bytes_on_any_number_of_threads(tiny_dataset, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        generate(tmp_path / "again.h5", Recipe(users_per_drop=3, seed=1), users=24)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert sha256_file(tmp_path / "again.h5") == sha256_file(tiny_dataset)


def test_drawing_leaves_torchs_own_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ChannelGenerator(Recipe(users_per_drop=2)).batch(0)
    assert torch.equal(torch.rand(3), expected)


def test_fewer_users_are_the_first_of_more(tiny_dataset, tmp_path):
    generate(tmp_path / "few.h5", Recipe(users_per_drop=3, seed=1), users=10)
    _, few, _ = load(tmp_path / "few.h5")
    _, many, _ = load(tiny_dataset)
    np.testing.assert_array_equal(few, many[:10])


def test_another_seed_and_another_drop_are_other_channels():
    first, second = (ChannelGenerator(Recipe(users_per_drop=10, seed=seed)) for seed in (0, 1))
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
        generate(tmp_path / "s.h5", Recipe(speed_kmh=(speed, speed), users_per_drop=5), users=10)
        ds, history, future = load(tmp_path / "s.h5")
        np.testing.assert_allclose(ds.speed_kmh, speed, rtol=1e-5)
        aging.append(hold_last_db(history, future))
    assert aging[0] < -60
    assert aging[0] < aging[1] < aging[2]


def test_fdd_predicts_the_adjacent_band(tmp_path):
    generate(tmp_path / "tdd.h5", Recipe(users_per_drop=5), users=10)
    generate(tmp_path / "fdd.h5", Recipe(users_per_drop=5, duplex="fdd"), users=10)
    tdd, history, same_band = load(tmp_path / "tdd.h5")
    fdd, fdd_history, other_band = load(tmp_path / "fdd.h5")
    assert (tdd.info.duplex, fdd.info.duplex) == ("tdd", "fdd")
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
        recipe = Recipe(scenario=scenario, los=los, ue_pattern=pattern, users_per_drop=10)
        csi = np.concatenate([ChannelGenerator(recipe).batch(batch)[0] for batch in range(2)])[:, :, 0]
        profile = (np.abs(np.fft.ifft(csi)) ** 2).sum(1)
        power[los] = np.median(profile.sum(-1))
        spread[los] = np.median(profile.max(-1) / profile.sum(-1))
    assert power[True] > power[False]
    assert spread[True] > spread[False]


def test_mixed_users_have_one_pattern_or_the_other():
    batches = {
        pattern: [ChannelGenerator(Recipe(ue_pattern=pattern)).batch(index)[0] for index in range(2)]
        for pattern in ("omni", "38.901", "mixed")
    }
    np.testing.assert_array_equal(batches["mixed"][0], batches["omni"][0])
    np.testing.assert_array_equal(batches["mixed"][1], batches["38.901"][1])
    assert not np.array_equal(batches["omni"][1], batches["38.901"][1])


def test_no_users_is_one_clear_line(tmp_path):
    with pytest.raises(DataError, match="at least one user"):
        generate(tmp_path / "none.h5", Recipe(), users=0)
