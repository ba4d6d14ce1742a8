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
from edgecsi.errors import DataError
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS


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
    assert dataset.task is TASKS.get("csi")
    assert dataset.radio == RadioSetting()
    assert (dataset.origin.scenario, dataset.origin.los, dataset.origin.seed) == ("uma", False, 1)
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


def test_users_carry_inputs_targets_and_columns(dataset, everything):
    chosen = np.array([7, 3])
    users = dataset.users(chosen)
    np.testing.assert_array_equal(users.inputs, everything[0][chosen])
    np.testing.assert_array_equal(users.targets, everything[1][chosen])
    np.testing.assert_array_equal(users.columns["speed_kmh"], dataset.speed_kmh[chosen])
    np.testing.assert_array_equal(users.columns["snr_db"], np.inf)
    assert {name: column.tolist() for name, column in dataset.columns(chosen).items()} == {
        name: column.tolist() for name, column in users.columns.items()
    }


class SomeNoise:
    """Noise on users with an even index."""

    def __init__(self, snr_db):
        self.snr_db = snr_db

    def __call__(self, task, history, users):
        noisy, even = history.copy(), users % 2 == 0
        noisy[even] = task.add_noise(history[even], users[even], self.snr_db, 3, 0)
        return noisy


@pytest.mark.parametrize(("asked", "low", "high"), [(15.0, 15, 15), ((5.0, 10.0), 4.8, 10.2)])
def test_noise_is_on_the_inputs_alone_and_told_per_user(dataset, everything, asked, low, high):
    users = dataset.users(slice(0, 8), SomeNoise(asked))
    np.testing.assert_array_equal(users.targets, everything[1][:8])
    np.testing.assert_array_equal(users.inputs[1::2], everything[0][1:8:2])
    snr_db = users.columns["snr_db"]
    assert np.isinf(snr_db[1::2]).all()
    assert ((low <= snr_db[::2]) & (snr_db[::2] <= high)).all()
    noise = users.inputs[::2] - everything[0][:8:2]
    power = [np.mean(np.abs(part) ** 2, axis=(1, 2, 3)) for part in (everything[0][:8:2], noise)]
    np.testing.assert_allclose(10 * np.log10(power[0] / power[1]), snr_db[::2], atol=0.2)


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
    file.attrs["radio"] = file.attrs["radio"].replace("0.0005", "0.001")
    del file.attrs["checksum"]


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
