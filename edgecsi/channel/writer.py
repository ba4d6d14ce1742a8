"""Writing a dataset file block by block; a crash leaves the old file or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgecsi.channel.dataset import DATASET
from edgecsi.channel.hdf5 import new_hdf5
from edgecsi.channel.origin import Origin
from edgecsi.channel.usable import check_users
from edgecsi.channel.user_file import create_column, create_tensors, data_bytes, write_header
from edgecsi.errors import DataError
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS


class DatasetWriter:
    """Takes blocks of users in any order; made by :func:`write_dataset`."""

    def __init__(
        self, data: dict[str, h5py.Dataset], path: Path, raise_interrupt: Callable[[], None]
    ) -> None:
        self._data, self._path, self._raise_interrupt = data, path, raise_interrupt
        self._missing = np.ones(len(data["drop"]), bool)

    def write(
        self, first: int, history: ArrayLike, future: ArrayLike, speed_kmh: ArrayLike, drop: ArrayLike
    ) -> None:
        """Store n users from index `first` on; a user that is written again replaces the old one.

        Args:
            first: index of the first of these users.
            history: what a predictor sees, [n, *input axes] of the task; CSI: complex [n, antenna, T, K] in
                the element order of the radio setting's array. Stored as complex64 (or float32).
            future: what is to be predicted, clean, [n, *target axes]; CSI: complex [n, antenna, P, K].
            speed_kmh: real [n], from 0.
            drop: whole numbers [n]; users with the same one share large-scale parameters, and a split keeps
                them together.

        Raises:
            DataError: a block of another shape or kind, users beyond the file, or one with NaN, Inf or zero
                power; it names the user, and the file does not appear.
        """
        given = {"history": history, "future": future, "speed_kmh": speed_kmh, "drop": drop}
        count = len(np.atleast_1d(np.asarray(history)))
        if not 0 <= first <= len(self._missing) - count:
            raise DataError(
                f"{self._path}: users {first} to {first + count - 1} are not among its {len(self._missing)}"
            )
        blocks = {name: self._block(name, values, count) for name, values in given.items()}
        rows = slice(first, first + count)
        for name in ("history", "future"):
            check_users(blocks[name], np.arange(rows.start, rows.stop), f"{self._path}: {name}")
        speed = blocks["speed_kmh"]
        if not (np.isfinite(speed) & (speed >= 0)).all():
            raise DataError(f"{self._path}: speed_kmh holds NaN, Inf or a negative speed")
        for name, block in blocks.items():
            self._data[name][rows] = block
        self._missing[rows] = False
        self._raise_interrupt()

    def _block(self, name: str, values: ArrayLike, users: int) -> NDArray[Any]:
        """A block in the dtype of the file, or :class:`DataError`."""
        array, stored = np.asarray(values), self._data[name]
        wanted = (users, *stored.shape[1:])
        if array.shape != wanted or not np.can_cast(array.dtype, stored.dtype, "same_kind"):
            raise DataError(
                f"{self._path}: {name} must be {stored.dtype} {wanted}, is {array.dtype} {array.shape}"
            )
        with np.errstate(over="ignore"):  # what is too large becomes Inf, which is told
            return array.astype(stored.dtype, copy=False)

    def finish(self) -> None:
        """Refuse to end with users that were never written."""
        if self._missing.any():
            raise DataError(f"{self._path}: {self._missing.sum()} users were never written")


@contextmanager
def write_dataset(
    path: str | Path, radio: RadioSetting, origin: Origin, users: int, task: str = "csi"
) -> Iterator[DatasetWriter]:
    """Write a dataset of `users` users to `path`, which appears complete or not at all.

    Args:
        path: file to write; one of that name is replaced at the end.
        radio: how the channels were sampled. It says the shapes of all blocks; the antennas of CSI are in
            the order of `radio.array.element_order`.
        origin: where they come from.
        users: how many users the file will hold; all must be written.
        task: name of the prediction task.

    Yields:
        The writer: call its `write` for blocks of users, in any order.

    Raises:
        DataError: blocks that don't fit, users without power, or users that were never written.
        OSError: the disk can't hold the file; it comes at once.

    Example:
        A recording of 64 antennas (8 columns, 4 rows, 2 polarisations), 100 users that each give
        20 + 6 samples on 52 subcarriers:

        >>> radio = RadioSetting(carrier_hz=3.5e9, subcarrier_spacing_hz=360e3, step_s=1e-3, subcarriers=52,
        ...                      history=20, future=6, array=ArrayGeometry(columns=8, rows=4))
        >>> origin = Origin(scenario="campus", generator="my recorder", generator_version="1")
        >>> with write_dataset("campus.h5", radio, origin, users=100) as writer:
        ...     for user in range(100):
        ...         csi = recording[user]  # complex [antenna, 26, 52]
        ...         writer.write(user, csi[None, :, :20], csi[None, :, 20:], speed_kmh=[30.0], drop=[user])
    """
    path = Path(path)
    if users < 1:
        raise DataError(f"{path}: a dataset needs at least one user, not {users}")
    row = TASKS.get(task)
    with new_hdf5(path, data_bytes(row, radio, users)) as (file, raise_interrupt):
        write_header(file, DATASET, row, radio, origin)
        data = create_tensors(file, row, radio, users)
        columns: dict[str, type[np.generic]] = {"speed_kmh": np.float32, "drop": np.int64}
        data |= {name: create_column(file, name, dtype, users) for name, dtype in columns.items()}
        writer = DatasetWriter(data, path, raise_interrupt)
        yield writer
        writer.finish()
