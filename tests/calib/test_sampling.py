"""Drawing a calibration set from a dataset."""

import numpy as np
import pytest

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.sampling import sample
from edgecsi.channel import Dataset, split
from edgecsi.errors import DataError
from edgecsi.users import CLEAN

OPTIONS = CalibrationOptions(users=8, held_out=3)


def rows(opened, snr_db):
    return np.concatenate([users.inputs for users in opened.held_out_users(snr_db)])


def draw(data, path, **changes):
    """Its id."""
    sample(data, path, OPTIONS.model_copy(update=changes))
    with CalibrationSet.open(path) as opened:
        return opened.id


def test_only_training_users_calibrate_and_only_validation_users_judge(tiny_dataset, calibration):
    with Dataset.open(tiny_dataset) as dataset:
        parts = split(dataset)
    assert set(calibration.user[:8]) <= set(parts.train)
    assert len(set(calibration.user[:8])) == 8
    assert set(calibration.user[8:]) == set(parts.val)
    assert not set(calibration.user) & set(parts.test)


def test_every_held_out_user_is_there_clean_and_noisy(calibration):
    judges = {level: calibration.user[8:][calibration.snr_db[8:] == level].tolist() for level in (CLEAN, 20)}
    assert judges[CLEAN] == judges[20]
    assert calibration.snr_levels_db == [CLEAN, 20]


def test_clean_rows_are_the_datasets_and_noisy_ones_have_the_snr(tiny_dataset, calibration):
    with Dataset.open(tiny_dataset) as dataset:
        truth = dataset.history(np.sort(split(dataset).val))
    np.testing.assert_array_equal(rows(calibration, CLEAN), truth)
    noise = np.mean(np.abs(rows(calibration, 20) - truth) ** 2, axis=(1, 2, 3))
    snr = 10 * np.log10(np.mean(np.abs(truth) ** 2, axis=(1, 2, 3)) / noise)
    np.testing.assert_allclose(snr, 20, atol=0.2)


def test_the_same_seed_gives_the_same_id_and_another_seed_another(tiny_dataset, tmp_path):
    first, again, other = (
        draw(tiny_dataset, tmp_path / f"{i}.h5", seed=seed) for i, seed in enumerate((0, 0, 1))
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"users": 19}, "has 18 training users, fewer than the 19 asked for"),
        ({"held_out": 4}, "has 3 validation users, fewer than the 4 asked for"),
    ],
)
def test_fewer_users_than_asked_for_is_one_line_and_leaves_nothing(tiny_dataset, tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        draw(tiny_dataset, tmp_path / "cal.h5", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_nothing(changed_dataset, tmp_path):
    path = changed_dataset()
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 100_000] = bytes(100_000)
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="damaged"):
        draw(path, tmp_path / "cal.h5", users=18)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
