"""Writes small files in the format of LLM4CP's, as MATLAB would."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi.channel import ChannelInfo

SPEEDS, USERS = 4, 6  # the 24 users of `tiny_dataset`
INFO = ChannelInfo(scenario="test", duplex="tdd", generator="tests", generator_version="1")


def write_mat(path: Path, name: str, csi: NDArray[np.complexfloating], **storage: object) -> Path:
    """A v7.3 file as MATLAB writes it: user block, reversed axes, compound complex, gzip chunks.

    `csi` is in MATLAB's order [speed, user, time, subcarrier, column, row, polarisation].
    """
    number = np.float32 if csi.dtype == np.complex64 else np.float64
    stored = np.empty(csi.T.shape, [("real", number), ("imag", number)])
    stored["real"], stored["imag"] = csi.T.real, csi.T.imag
    chunks = tuple(min(size, most) for size, most in zip(stored.shape, (1, 2, 2, 24, 2, 4, 3), strict=True))
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_dataset(
            name, data=stored, **(storage or {"chunks": chunks, "compression": "gzip"})
        )
        data.attrs["MATLAB_class"] = np.bytes_("single" if number is np.float32 else "double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")
    return path


def as_matlab(csi: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """complex [user, antenna, time, subcarrier] of 24 users -> LLM4CP's axes, written out by hand."""
    users, _, steps, subcarriers = csi.shape
    matlab = np.empty((SPEEDS, USERS, steps, subcarriers, 4, 4, 2), csi.dtype)
    for column, row, polarisation in np.ndindex(4, 4, 2):
        antenna = (column * 4 + row) * 2 + polarisation
        for user in range(users):
            matlab[user // USERS, user % USERS, :, :, column, row, polarisation] = csi[user, antenna]
    return matlab
