"""The dataset file holds any task: here real numbers without antennas."""

import h5py
import numpy as np
import pytest
from loads_task import LOADS, ORIGIN, RADIO, register, write_loads

from edgecsi.channel import Dataset, split, write_dataset
from edgecsi.errors import DataError


@pytest.fixture(autouse=True)
def known(monkeypatch):
    register(monkeypatch)


@pytest.fixture
def path(tmp_path):
    write_loads(tmp_path / "loads.h5")
    return tmp_path / "loads.h5"


def test_it_comes_back_as_the_task_says(tmp_path):
    inputs, targets = write_loads(tmp_path / "loads.h5")
    with Dataset.open(tmp_path / "loads.h5") as ds:
        assert (ds.task, ds.radio, len(ds)) == (LOADS, RADIO, 4)
        users = ds.users(np.array([2, 0]))
    assert users.inputs.dtype == users.targets.dtype == np.float32
    np.testing.assert_array_equal(users.inputs, inputs.astype(np.float32)[[2, 0]])
    np.testing.assert_array_equal(users.targets, targets.astype(np.float32)[[2, 0]])
    assert LOADS.report(users.targets, users).groups == {"speed_kmh": {"3": -200.0}}


def test_it_is_split_by_drop(tmp_path):
    write_loads(tmp_path / "loads.h5", users=12)
    with Dataset.open(tmp_path / "loads.h5") as ds:
        parts = split(ds)
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [8, 2, 2]


def test_complex_numbers_are_not_this_tasks(tmp_path):
    with (
        pytest.raises(DataError, match=r"history must be float32 \(4, 6, 5\), is complex128"),
        write_dataset(tmp_path / "loads.h5", RADIO, ORIGIN, 4, task="loads") as writer,
    ):
        writer.write(0, np.ones((4, 6, 5)) + 1j, np.ones((4, 5)), np.zeros(4), np.arange(4))


@pytest.mark.parametrize(("value", "words"), [(np.nan, "1 has NaN or Inf"), (0, "1 has zero power")])
def test_a_user_that_can_not_be_used_is_named(path, value, words):
    with h5py.File(path, "r+") as file:
        file["history"][1] = value
    with Dataset.open(path) as ds, pytest.raises(DataError, match=f"user {words}"):
        ds.history(slice(None))


def test_a_file_of_another_task_does_not_fit(path):
    with h5py.File(path, "r+") as file:
        file.attrs["task"] = "csi"
        del file.attrs["checksum"]
    with pytest.raises(DataError, match=r"must be complex64 \[user, antenna, time, subcarrier\].*is float32"):
        Dataset.open(path)
