"""Every file that can't be used is one clear line, before anything is computed with it."""

import h5py
import numpy as np
import pytest
from bad_datasets import assert_refused, read_all

from edgecsi.channel import Dataset
from edgecsi.errors import DataError

SHAPE = (6, 2, 3, 4)


def replace(name, **dataset):
    def damage(file):
        del file[name]
        file.create_dataset(name, **dataset)

    return damage


def test_missing(tmp_path):
    assert_refused(tmp_path / "none.h5", "no such file")


def test_a_folder(tmp_path):
    assert_refused(tmp_path, "no such file")


def test_not_hdf5(tmp_path):
    path = tmp_path / "text.h5"
    path.write_text("speed,user\n")
    assert_refused(path, "not an HDF5 file")


@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_truncated(small_dataset, kept):
    path = small_dataset(users=40)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert_refused(path, "truncated")


def test_damaged_coefficients(small_dataset):
    path = small_dataset()
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        offset = file["history"].id.get_chunk_info(4).byte_offset
    content[offset + 9] ^= 0x20
    path.write_bytes(content)
    assert_refused(path, "damaged")


def test_damage_anywhere_is_found_or_harmless(small_dataset):
    path = small_dataset()
    content, good = path.read_bytes(), read_all(path)
    refused = 0
    for offset in range(0, len(content), 31):
        damaged = bytearray(content)
        damaged[offset] ^= 0xFF
        path.write_bytes(damaged)
        try:
            np.testing.assert_equal(read_all(path), good)
        except DataError:
            refused += 1
    assert refused > 50


def test_another_hdf5_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    assert_refused(tmp_path / "other.h5", "no edgecsi dataset")


@pytest.mark.parametrize("name", ["history", "future", "speed_kmh", "drop"])
def test_external_link(edit, tmp_path, name):
    with h5py.File(tmp_path / "outside.h5", "w") as outside:
        outside[name] = np.ones(SHAPE, np.complex64)

    def damage(file):
        del file[name]
        file[name] = h5py.ExternalLink(tmp_path / "outside.h5", name)

    assert_refused(edit(damage), "link")


def test_soft_link(edit):
    def damage(file):
        file.move("history", "elsewhere")
        file["history"] = h5py.SoftLink("/elsewhere")

    assert_refused(edit(damage), "link")


def test_external_storage(edit, tmp_path):
    outside = tmp_path / "raw.bin"
    outside.write_bytes(np.ones(SHAPE, np.complex64).tobytes())
    external = [(str(outside), 0, h5py.h5f.UNLIMITED)]
    assert_refused(
        edit(replace("history", shape=SHAPE, dtype=np.complex64, external=external)), "other files"
    )


def test_virtual_dataset(edit, small_dataset):
    source = small_dataset(name="source.h5")

    def damage(file):
        del file["history"]
        layout = h5py.VirtualLayout(SHAPE, np.complex64)
        layout[...] = h5py.VirtualSource(source, "history", SHAPE)
        file.create_virtual_dataset("history", layout)

    assert_refused(edit(damage), "other files")


@pytest.mark.parametrize("shape", [(10**9, 2, 3, 4), (2**62, 2**10, 3, 4)])
def test_more_data_claimed_than_stored(edit, shape):
    chunked = {"chunks": (1, 2, 3, 4)} if shape[0] < 2**40 else {"chunks": (1, 1, 3, 4)}
    damage = replace("history", shape=shape, dtype=np.complex64, **chunked)
    try:
        path = edit(damage)
    except (ValueError, OverflowError, OSError):
        pytest.skip("this HDF5 library can't even write it")
    assert_refused(path, "claims")


def test_never_written_chunks(edit):
    assert_refused(edit(replace("history", shape=SHAPE, dtype=np.complex64, chunks=(1, 2, 3, 4))), "claims")


def test_unknown_filter(edit):
    data = np.ones(SHAPE, np.complex64)
    assert_refused(edit(replace("history", data=data, compression="lzf")), "packed")


@pytest.mark.parametrize("dtype", [np.complex128, np.float32, "S8"])
def test_wrong_dtype(edit, dtype):
    assert_refused(edit(replace("history", data=np.ones(SHAPE).astype(dtype))), "complex64")


@pytest.mark.parametrize("name", ["speed_kmh", "drop"])
def test_column_of_another_length(edit, name):
    dtype = np.float32 if name == "speed_kmh" else np.int64
    assert_refused(edit(replace(name, data=np.ones(5, dtype))), name, "[6]")


@pytest.mark.parametrize("speed", [np.nan, np.inf, -3.0])
def test_impossible_speed(edit, speed):
    assert_refused(edit(lambda file: file["speed_kmh"].__setitem__(2, speed)), "speed_kmh")


@pytest.mark.parametrize("shape", [(6, 3, 2, 4), (6, 2, 2, 5), (6, 2, 4)])
def test_a_future_that_does_not_fit(edit, shape):
    message = assert_refused(edit(replace("future", data=np.ones(shape, np.complex64))))
    assert str(shape) in message


def test_history_and_future_of_different_users(edit):
    damage = replace("future", data=np.ones((5, 2, 2, 4), np.complex64))
    assert_refused(edit(damage), "history of 6 users and future of 5")


@pytest.mark.parametrize("name", ["history", "future", "speed_kmh", "drop"])
def test_missing_part(edit, name):
    assert_refused(edit(lambda file: file.__delitem__(name)), name, "missing")


def test_a_group_in_the_place_of_data(edit):
    def damage(file):
        del file["history"]
        file.create_group("history")

    assert_refused(edit(damage), "history")


def test_empty(edit):
    def damage(file):
        for name in ("history", "future"):
            shape, dtype = file[name].shape, file[name].dtype
            replace(name, data=np.empty((0, *shape[1:]), dtype))(file)

    assert_refused(edit(damage), "empty")


@pytest.mark.parametrize("name", ["history", "future"])
@pytest.mark.parametrize("value", [np.nan, np.inf, complex(0, np.nan), complex(0, -np.inf)])
def test_a_number_that_is_none_names_the_user(edit, name, value):
    assert_refused(edit(lambda file: file[name].__setitem__((4, 1, 0, 2), value)), "user 4", "NaN or Inf")


@pytest.mark.parametrize("name", ["history", "future"])
def test_zero_power_names_the_user(edit, name):
    assert_refused(edit(lambda file: file[name].__setitem__(3, 0)), "user 3", "zero power")


def test_other_users_of_a_file_with_a_bad_one_can_be_read(edit):
    path = edit(lambda file: file["history"].__setitem__(3, 0))
    with Dataset.open(path) as ds:
        assert ds.history(np.array([5, 0, 2])).shape == (3, 2, 3, 4)


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_numbers_whose_squares_leave_single_precision_are_fine(edit, scale):
    def damage(file):
        file["history"][...] *= scale

    with Dataset.open(edit(damage)) as ds:
        assert np.isfinite(ds.history(slice(None))).all()
