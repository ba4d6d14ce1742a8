"""The dataset file, read lazily: any users in any order, never the whole file.

One HDF5 file: `history` and `future` (complex64 [user, antenna, T or P, K], one chunk per user with a
checksum), `speed_kmh` (float32 [user]), `drop` (int64 [user]) and the attributes of
:class:`~edgecsi.channel.info.ChannelInfo`.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from edgecsi.channel.checks import check_users
from edgecsi.channel.digest import content_digest
from edgecsi.channel.hdf5 import damage_told, open_hdf5, stored_dataset
from edgecsi.channel.info import ChannelInfo
from edgecsi.csi import CsiShape
from edgecsi.errors import DataError

FORMAT = "edgecsi-dataset"
FORMAT_VERSION = 1


class Dataset:
    """Channels of many users in one file; also works in forked processes and can be sent to spawned ones.

    Attributes: `path`; `info`; `shape`; `speed_kmh` float32 [user]; `drop` int64 [user] (users of one drop
    share large-scale parameters).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._process = os.getpid()
        self._file = open_hdf5(self.path)
        self._inode = _inode(self._file)
        try:
            with damage_told(self.path):
                self.info = _read_info(self._file)
                self.shape = _read_shape(self._file)
                self.speed_kmh = _read_column(self._file, "speed_kmh", np.dtype(np.float32))
                self.drop = _read_column(self._file, "drop", np.dtype(np.int64))
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

    def history(self, users: slice | NDArray[np.integer]) -> NDArray[np.complex64]:
        """CSI that the predictor sees, of these users in this order: complex64 [n, antenna, T, K].

        :class:`DataError` names a user with NaN, Inf or zero power.
        """
        return self._read("history", users)

    def future(self, users: slice | NDArray[np.integer]) -> NDArray[np.complex64]:
        """CSI to be predicted, as :meth:`history`: complex64 [n, antenna, P, K]."""
        return self._read("future", users)

    @cached_property
    def digest(self) -> str:
        """Content id, for cache keys: see :mod:`edgecsi.channel.digest`."""
        return content_digest(self._own_file())

    def _own_file(self) -> h5py.File:
        """The open file of this process: HDF5 handles must not be shared with a parent."""
        if self._process != os.getpid():
            self._process, self._file = os.getpid(), open_hdf5(self.path)
            if _inode(self._file) != self._inode:
                raise DataError(f"{self.path}: replaced by another file while in use; start again")
        return self._file

    def _read(self, name: str, users: slice | NDArray[np.integer]) -> NDArray[np.complex64]:
        rows = np.arange(len(self))[users]
        where = f"{self.path}: {name}"
        wanted, positions = np.unique(rows, return_inverse=True)
        stored = self._own_file()[name]
        block = np.empty((len(wanted), *stored.shape[1:]), np.complex64)
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


def _read_info(file: h5py.File) -> ChannelInfo:
    attributes = {
        name: value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        for name, value in file.attrs.items()
    }
    kind, version = attributes.pop("format", None), attributes.pop("format_version", None)
    if kind != FORMAT:
        raise DataError(
            f"{file.filename}: no edgecsi dataset; make one with `edgecsi data generate` or `import`"
        )
    if version != FORMAT_VERSION:
        raise DataError(f"{file.filename}: dataset format {version}, this edgecsi reads {FORMAT_VERSION}")
    try:
        return ChannelInfo(**attributes)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{file.filename}: attribute '{field}' is wrong: {first['msg']}") from error


def _read_shape(file: h5py.File) -> CsiShape:
    history, future = (stored_dataset(file, name) for name in ("history", "future"))
    for data in (history, future):
        if data.dtype != np.complex64 or data.ndim != 4 or 0 in data.shape[1:]:
            raise DataError(
                f"{file.filename}: '{data.name[1:]}' must be complex64 [user, antenna, time, subcarrier], "
                f"is {data.dtype} {data.shape}"
            )
    users, antennas, steps, subcarriers = history.shape
    if (users, antennas, subcarriers) != (future.shape[0], future.shape[1], future.shape[3]):
        raise DataError(f"{file.filename}: history {history.shape} and future {future.shape} don't fit")
    if users == 0:
        raise DataError(f"{file.filename}: empty, it holds no user")
    return CsiShape(antennas, steps, future.shape[2], subcarriers)


def _read_column(file: h5py.File, name: str, dtype: np.dtype) -> NDArray[Any]:
    data, users = stored_dataset(file, name), file["history"].shape[0]
    if data.dtype != dtype or data.shape != (users,):
        raise DataError(f"{file.filename}: '{name}' must be {dtype} [{users}], is {data.dtype} {data.shape}")
    return data[...]
