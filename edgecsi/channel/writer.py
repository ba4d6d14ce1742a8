"""Writing a dataset file block by block; a crash leaves the old file or none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi.channel.checks import check_users
from edgecsi.channel.dataset import FORMAT, FORMAT_VERSION
from edgecsi.channel.info import ChannelInfo
from edgecsi.channel.interrupts import interrupts_noted
from edgecsi.csi import CsiShape
from edgecsi.errors import DataError
from edgecsi.files import atomic_file, reserve


class DatasetWriter:
    """Takes blocks of users in any order; made by :func:`write_dataset`."""

    def __init__(
        self, data: dict[str, h5py.Dataset], path: Path, raise_interrupt: Callable[[], None]
    ) -> None:
        self._data, self._path, self._raise_interrupt = data, path, raise_interrupt
        self._missing = np.ones(len(data["drop"]), bool)

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
            check_users(blocks[name], np.arange(rows.start, rows.stop), f"{self._path}: {name}")
        for name, block in blocks.items():
            self._data[name][rows] = block
        self._missing[rows] = False
        self._raise_interrupt()

    def finish(self) -> None:
        """Refuse to end with users that were never written."""
        if self._missing.any():
            raise DataError(f"{self._path}: {self._missing.sum()} users were never written")


@contextmanager
def write_dataset(path: Path, info: ChannelInfo, shape: CsiShape, users: int) -> Iterator[DatasetWriter]:
    """Write a dataset of `users` users to `path`, which appears complete or not at all.

    OSError at once if the disk can't hold it; :class:`DataError` if users stay unwritten.
    """
    if users < 1:
        raise DataError(f"{path}: a dataset needs at least one user, not {users}")
    size = users * 8 * (math.prod(shape.history_shape) + math.prod(shape.future_shape))
    with atomic_file(path) as temporary, interrupts_noted() as raise_interrupt:
        # HDF5 can't close a file on a full disk and crashes at exit: so ask for the space before HDF5 is
        # involved, and once more since opening empties the file.
        with temporary.open("wb") as file:
            reserve(file.fileno(), size + 128 * users + (1 << 16), path)  # with HDF5's own tables
        # From version 1.10 on HDF5 keeps checksums of its own tables too: damage anywhere is found.
        with h5py.File(temporary, "w", libver=("v110", "v110")) as file:
            reserve(file.id.get_vfd_handle(), size, path)
            writer = DatasetWriter(_create(file, info, shape, users), path, raise_interrupt)
            yield writer
            writer.finish()


def _create(file: h5py.File, info: ChannelInfo, shape: CsiShape, users: int) -> dict[str, h5py.Dataset]:
    file.attrs.update(
        {"format": FORMAT, "format_version": FORMAT_VERSION, **info.model_dump(exclude_none=True)}
    )
    # A chunk per user: random access reads no neighbour; the checksum finds damage when it is read.
    csi = {
        name: file.create_dataset(name, (users, *one), np.complex64, chunks=(1, *one), fletcher32=True)
        for name, one in (("history", shape.history_shape), ("future", shape.future_shape))
    }
    columns = {"speed_kmh": np.float32, "drop": np.int64}
    return csi | {name: file.create_dataset(name, (users,), dtype) for name, dtype in columns.items()}
