"""The dataset file, read lazily: any users in any order, never the whole file.

One HDF5 file (:mod:`edgecsi.channel.user_file`) with `history` and `future`, `speed_kmh` (float32 [user]),
`drop` (int64 [user]) and the attributes of :class:`~edgecsi.channel.origin.Origin`. For CSI, `history` is
complex64 [user, antenna, T, K] and `future` complex64 [user, antenna, P, K].
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi.channel.content_digest import content_digest
from edgecsi.channel.hdf5 import damage_told, open_hdf5
from edgecsi.channel.origin import Origin
from edgecsi.channel.usable import check_users, mean_power
from edgecsi.channel.user_file import FileKind, check_tensors, read_column, read_header
from edgecsi.errors import DataError
from edgecsi.tasks import Task
from edgecsi.users import CLEAN, Users

DATASET = FileKind(
    format="edgecsi-dataset",
    version=2,
    title="edgecsi dataset",
    source="`edgecsi data generate` or `import`",
    renewal="generate or import it again",
)
Indices = slice | NDArray[np.integer]


class Noise(Protocol):
    """Noise that is added to histories when they are read, as `edgecsi.training.Augmentation`.

    snr_db: of the noisy ones; a range is drawn from per user; None: nothing is added.
    """

    @property
    def snr_db(self) -> float | tuple[float, float] | None:
        """In dB."""
        ...

    def __call__(self, task: Task, history: NDArray[Any], users: NDArray[np.int64], /) -> NDArray[Any]:
        """Histories [n, ...] of the users with these indices [n] -> the same with the task's noise."""
        ...


class Dataset:
    """Channels of many users in one file; also works in forked processes and can be sent to spawned ones.

    Attributes:
        path: the file.
        task: :class:`~edgecsi.tasks.Task` that its users are for.
        radio: :class:`~edgecsi.radio.RadioSetting` that they were sampled with.
        origin: :class:`Origin` of the channels.
        speed_kmh: float32 [user].
        drop: int64 [user]; users of one drop share large-scale parameters.

    Raises:
        DataError: anything wrong with the file, in one line.

    Example:
        >>> with Dataset.open("site.h5") as dataset:
        ...     users = dataset.users(slice(0, 8))
        ...     users.inputs.shape  # [user, antenna, T, K]
        (8, 32, 16, 48)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._process = os.getpid()
        self._file = open_hdf5(self.path)
        self._inode = _inode(self._file)
        try:
            with damage_told(self.path):
                self.task, self.radio, self.origin = read_header(self._file, DATASET, Origin)
                users = check_tensors(self._file, self.task, self.radio)
                self.speed_kmh: NDArray[np.float32] = read_column(self._file, "speed_kmh", np.float32, users)
                self.drop: NDArray[np.int64] = read_column(self._file, "drop", np.int64, users)
            if not (np.isfinite(self.speed_kmh).all() and (self.speed_kmh >= 0).all()):
                raise DataError(f"{self.path}: 'speed_kmh' holds NaN, Inf or a negative speed")
        except BaseException:
            self._file.close()
            raise

    @classmethod
    def open(cls, path: str | Path) -> Dataset:
        """Open a dataset file; a context manager. :class:`DataError` on anything wrong with it."""
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Dataset:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.drop)

    def __reduce__(self) -> tuple[Any, ...]:
        return Dataset, (self.path,)

    def history(self, users: Indices) -> NDArray[Any]:
        """What a predictor sees of these users in this order: [n, *input axes] in the task's dtype.

        :class:`DataError` names a user with NaN, Inf or zero power.
        """
        return self._read("history", users)

    def future(self, users: Indices) -> NDArray[Any]:
        """What is to be predicted, as :meth:`history`: [n, *target axes]."""
        return self._read("future", users)

    def users(self, users: Indices, noise: Noise | None = None) -> Users:
        """These users with inputs, targets and :meth:`columns`; `noise` is added to the inputs.

        The column `snr_db` is what `noise` asks for; where it draws from a range, what came out.
        """
        indices = np.arange(len(self))[users]
        clean = self.history(indices)
        inputs = clean if noise is None else noise(self.task, clean, indices)
        columns = self.columns(indices)
        if noise is not None:
            columns["snr_db"] = _snr_db(clean, inputs, noise.snr_db)
        return Users(inputs, self.future(indices), columns)

    def columns(self, users: Indices) -> dict[str, NDArray[Any]]:
        """Facts of these users in the file, by name: `speed_kmh` and `snr_db`, float32 [n] each."""
        speed_kmh = self.speed_kmh[users]
        return {"speed_kmh": speed_kmh, "snr_db": np.full(len(speed_kmh), CLEAN, np.float32)}

    @cached_property
    def digest(self) -> str:
        """Content id, for cache keys: see :mod:`edgecsi.channel.content_digest`."""
        return content_digest(self._own_file())

    def _own_file(self) -> h5py.File:
        """The open file of this process: HDF5 handles must not be shared with a parent."""
        if self._process != os.getpid():
            self._process, self._file = os.getpid(), open_hdf5(self.path)
            if _inode(self._file) != self._inode:
                raise DataError(f"{self.path}: replaced by another file while in use; start again")
        return self._file

    def _read(self, name: str, users: Indices) -> NDArray[Any]:
        rows = np.arange(len(self))[users]
        where = f"{self.path}: {name}"
        wanted, positions = np.unique(rows, return_inverse=True)
        stored = self._own_file()[name]
        block = np.empty((len(wanted), *stored.shape[1:]), stored.dtype)
        # One read per run of neighbours: HDF5 is slow at scattered selections, fast at ranges.
        starts = np.flatnonzero(np.diff(wanted, prepend=-2) != 1)
        stops = np.append(starts[1:], len(wanted))[: len(starts)]
        for start, stop in zip(starts, stops, strict=True):
            first, last = int(wanted[start]), int(wanted[stop - 1])
            with damage_told(f"{where} of users {first} to {last}"):
                stored.read_direct(block, np.s_[first : last + 1], np.s_[int(start) : int(stop)])
        check_users(block, wanted, where)
        return block if np.array_equal(wanted, rows) else block[positions]


def _inode(file: h5py.File) -> int:
    return os.fstat(file.id.get_vfd_handle()).st_ino


def _snr_db(
    clean: NDArray[Any], noisy: NDArray[Any], asked: float | tuple[float, float] | None
) -> NDArray[np.float32]:
    """SNR of every user [n]; CLEAN where nothing was added."""
    noise = mean_power(noisy - clean)
    found = np.full(len(clean), CLEAN, np.float32)
    added = noise > 0
    if isinstance(asked, tuple):
        found[added] = 10 * np.log10(mean_power(clean)[added] / noise[added])
    elif asked is not None:
        found[added] = asked
    return found
