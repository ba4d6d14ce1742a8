"""Writes small files in the format of LLM4CP's, as MATLAB would."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from edgecsi.channel import Origin
from edgecsi.channel.mat import import_mat
from edgecsi.channel.mat_options import ImportOptions
from edgecsi.errors import DataError
from edgecsi.radio import ArrayGeometry

SPEEDS, USERS = 4, 6  # the 24 users of `tiny_dataset`
ORIGIN = Origin(scenario="test", generator="tests", generator_version="1")
OPTIONS = ImportOptions(scenario="test")


def write_mat(path: Path, name: str, csi: NDArray[np.complexfloating], **storage: object) -> Path:
    """A v7.3 file as MATLAB writes it: user block, reversed axes, compound complex, gzip chunks.

    `csi` is in MATLAB's order [speed, user, time, subcarrier, column, row, polarisation].
    """
    number = np.float32 if csi.dtype == np.complex64 else np.float64
    stored = np.empty(csi.T.shape, [("real", number), ("imag", number)])
    stored["real"], stored["imag"] = csi.T.real, csi.T.imag
    most = (1, 2, 2, 24, 2, 4, 3)[-stored.ndim :]  # chunks; MATLAB drops axes of length 1 at the end
    chunks = tuple(map(min, stored.shape, most))
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_dataset(
            name, data=stored, **(storage or {"chunks": chunks, "compression": "gzip"})
        )
        data.attrs["MATLAB_class"] = np.bytes_("single" if number is np.float32 else "double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")
    return path


def as_matlab(csi: NDArray[np.complex64], array: ArrayGeometry = ArrayGeometry()) -> NDArray[np.complex64]:
    """complex [user, antenna, time, subcarrier] of 24 users -> LLM4CP's axes, written out by hand."""
    users, _, steps, subcarriers = csi.shape
    sizes = array.columns, array.rows, array.polarisations
    matlab = np.empty((SPEEDS, USERS, steps, subcarriers, *sizes), csi.dtype)
    for column, row, polarisation in np.ndindex(*sizes):
        antenna = (column * array.rows + row) * array.polarisations + polarisation
        for user in range(users):
            matlab[user // USERS, user % USERS, :, :, column, row, polarisation] = csi[user, antenna]
    return matlab


def random_csi(
    steps: int = 3, speeds: int = 2, users: int = 3, dtype: type[np.complexfloating] = np.complex64
) -> NDArray[np.complexfloating]:
    """White noise in LLM4CP's axes, of a 4x4x2 array on 5 subcarriers."""
    random = np.random.default_rng(steps)
    shape = speeds, users, steps, 5, 4, 4, 2
    return (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(dtype)


def assert_refused(folder: Path, history: Path, future: Path, *words: str, **options: object) -> None:
    """The import must fail with a message that has all these words, and leave nothing."""
    with pytest.raises(DataError) as caught:
        import_mat(folder / "out.h5", history, future, ImportOptions(**options))
    for word in words:
        assert word in str(caught.value)
    assert not (folder / "out.h5").exists()
