"""Writing a dataset file block by block; a crash leaves the old file or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi.channel.checks import check_users
from edgecsi.channel.dataset import FORMAT, FORMAT_VERSION
from edgecsi.channel.info import ChannelInfo
from edgecsi.channel.patient_file import PatientFile
from edgecsi.csi import CsiShape
from edgecsi.errors import DataError
from edgecsi.files import atomic_file


class DatasetWriter:
    """Takes blocks of users in any order; made by :func:`write_dataset`."""

    def __init__(
        self, file: h5py.File, disk: PatientFile, info: ChannelInfo, shape: CsiShape, users: int
    ) -> None:
        file.attrs.update(
            {"format": FORMAT, "format_version": FORMAT_VERSION, **info.model_dump(exclude_none=True)}
        )
        for data, one_user in (("history", shape.history_shape), ("future", shape.future_shape)):
            # A chunk per user: random access reads no neighbour; the checksum finds damage when it is read.
            file.create_dataset(
                data, (users, *one_user), np.complex64, chunks=(1, *one_user), fletcher32=True
            )
        file.create_dataset("speed_kmh", (users,), np.float32)
        file.create_dataset("drop", (users,), np.int64)
        self._file, self._disk = file, disk
        self._missing = np.ones(users, bool)

    def write(
        self,
        first: int,
        history: NDArray[np.complex64],
        future: NDArray[np.complex64],
        speed_kmh: NDArray[np.floating],
        drop: NDArray[np.integer],
    ) -> None:
        """Store n users from index `first` on; :class:`DataError` names one with NaN, Inf or zero power.

        Args:
            first: index of the first of these users.
            history: complex64 [n, antenna, T, K].
            future: complex64 [n, antenna, P, K].
            speed_kmh: [n].
            drop: [n], which users share large-scale parameters.
        """
        rows = slice(first, first + len(history))
        blocks = {"history": history, "future": future, "speed_kmh": speed_kmh, "drop": drop}
        for name in ("history", "future"):
            check_users(blocks[name], np.arange(rows.start, rows.stop), f"{self._disk.known_as}: {name}")
        for name, block in blocks.items():
            self._file[name][rows] = block
        self._disk.raise_error()
        self._missing[rows] = False

    def finish(self) -> None:
        """Refuse to end with users that were never written."""
        if self._missing.any():
            raise DataError(f"{self._disk.known_as}: {self._missing.sum()} users were never written")


@contextmanager
def write_dataset(path: Path, info: ChannelInfo, shape: CsiShape, users: int) -> Iterator[DatasetWriter]:
    """Write a dataset of `users` users to `path`, which appears complete or not at all."""
    if users < 1:
        raise DataError(f"{path}: a dataset needs at least one user, not {users}")
    with atomic_file(path) as temporary, PatientFile(temporary, path) as disk:
        # Since version 1.10 HDF5 keeps checksums of its own tables too: damage anywhere is found.
        with h5py.File(disk, "w", libver=("v110", "v110")) as file:
            writer = DatasetWriter(file, disk, info, shape, users)
            yield writer
            writer.finish()
        disk.raise_error()
