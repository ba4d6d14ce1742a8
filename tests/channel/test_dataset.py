import multiprocessing
import pickle
import shutil
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecsi.channel import Dataset
from edgecsi.csi import CsiShape
from edgecsi.errors import DataError


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
    with Dataset.open(tiny_dataset) as ds:
        yield ds


@pytest.fixture(scope="module")
def everything(tiny_dataset):
    with h5py.File(tiny_dataset) as file:
        return file["history"][...], file["future"][...]


def test_says_what_it_holds(dataset):
    assert len(dataset) == 24
    assert dataset.shape == CsiShape()
    assert (dataset.info.scenario, dataset.info.los, dataset.info.duplex) == ("uma", False, "tdd")
    assert dataset.speed_kmh.dtype == np.float32
    assert dataset.drop.dtype == np.int64


@settings(deadline=None)
@given(users=st.lists(st.integers(0, 23), max_size=12))
def test_any_users_in_any_order(dataset, everything, users):
    users = np.array(users, np.int64)
    history, future = everything
    np.testing.assert_array_equal(dataset.history(users), history[users])
    np.testing.assert_array_equal(dataset.future(users), future[users])


@pytest.mark.parametrize("users", [slice(None), slice(3, 9), slice(20, 2, -5), slice(5, 5)])
def test_slices_of_users(dataset, everything, users):
    np.testing.assert_array_equal(dataset.history(users), everything[0][users])


def test_only_the_users_asked_for_are_in_memory(tiny_dataset):
    tracemalloc.start()
    with Dataset.open(tiny_dataset) as ds:
        ds.history(np.array([11]))
        _ = ds.digest
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < tiny_dataset.stat().st_size / 4


def test_a_user_outside_the_file_is_an_index_error(dataset):
    with pytest.raises(IndexError):
        dataset.history(np.array([24]))


def _history_of(ds, user):
    return ds.history(np.array([user]))


def test_forked_processes_read_the_same(dataset, everything):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        blocks = pool.starmap(_history_of, [(dataset, user) for user in (7, 3, 20, 11)])
    np.testing.assert_array_equal(np.concatenate(blocks), everything[0][[7, 3, 20, 11]])


def _send_sum(ds, pipe):
    pipe.send(np.abs(ds.history(slice(0, 4))).sum())


def test_a_child_reads_with_a_handle_of_its_own(dataset, everything):
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_send_sum, args=(dataset, there))  # inherited, not pickled
    child.start()
    assert here.recv() == np.abs(everything[0][:4]).sum()
    child.join()
    assert child.exitcode == 0


def _send_error(ds, pipe):
    try:
        ds.history(slice(0, 1))
    except DataError as error:
        pipe.send(str(error))


def test_a_file_replaced_under_a_running_parent_is_noticed_by_its_children(small_dataset):
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    path = small_dataset()
    with Dataset.open(path) as ds:
        small_dataset()
        child = context.Process(target=_send_error, args=(ds, there))
        child.start()
        assert "replaced" in here.recv()
        child.join()


def test_can_be_sent_to_another_process(dataset, everything):
    with pickle.loads(pickle.dumps(dataset)) as copy:
        np.testing.assert_array_equal(copy.future(np.array([5])), everything[1][[5]])


def test_digest_is_that_of_the_content_not_of_the_path(dataset, tiny_dataset, tmp_path):
    shutil.copy(tiny_dataset, tmp_path / "copy.h5")
    with Dataset.open(tmp_path / "copy.h5") as copy:
        assert copy.digest == dataset.digest


def _change_coefficient(file):
    file["future"][5, 0, 0, 0] *= 1.001


def _change_speed(file):
    file["speed_kmh"][0] += 1


def _change_drop(file):
    file["drop"][0] = 7


def _change_attribute(file):
    file.attrs["carrier_hz"] = 3.5e9


def _swap_users(file):
    first = file["history"][0]
    file["history"][0] = file["history"][1]
    file["history"][1] = first


@pytest.mark.parametrize(
    "change", [_change_coefficient, _change_speed, _change_drop, _change_attribute, _swap_users]
)
def test_digest_changes_with_the_content(small_dataset, change):
    path = small_dataset()
    with Dataset.open(path) as ds:
        before = ds.digest
    with h5py.File(path, "r+") as file:
        change(file)
    with Dataset.open(path) as ds:
        assert ds.digest != before


def test_digest_of_a_file_without_checksums_follows_its_content(small_dataset):
    path = small_dataset()
    with h5py.File(path, "r+") as file:
        history = file["history"][...]
        del file["history"]
        file["history"] = history
    with Dataset.open(path) as ds:
        before = ds.digest
    with h5py.File(path, "r+") as file:
        file["history"][3, 1, 2, 0] += 1
    with Dataset.open(path) as ds:
        assert ds.digest != before
