"""HDF5 files: opening those from outside, in which nothing may point elsewhere, and creating new ones."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from edgecsi.channel.hdf5_check import check_hdf5, trust
from edgecsi.channel.interrupts import interrupts_noted
from edgecsi.errors import DataError
from edgecsi.files import atomic_file, reserve

# Deflate packs at most 1032 bytes into one; no other filter is accepted.
_FILTERS = {h5py.h5z.FILTER_DEFLATE: 1032, h5py.h5z.FILTER_SHUFFLE: 1, h5py.h5z.FILTER_FLETCHER32: 1}
_TABLE_BYTES = 1 << 16  # of HDF5's own, in a new file


@contextmanager
def damage_told(path: str | Path) -> Iterator[None]:
    """Turn what h5py raises on a damaged file into :class:`DataError`."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: damaged, copy or write it again ({error})") from error


def open_hdf5(path: Path) -> h5py.File:
    """Open for reading; :class:`DataError` if it is no whole HDF5 file.

    Another process has looked at it before: see :mod:`edgecsi.channel.hdf5_check`.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: may not be read by this user")
    check_hdf5(path)
    file = _open(path)
    try:
        with damage_told(path):
            links = [name for name in file if not isinstance(file.get(name, getlink=True), h5py.HardLink)]
        if links:
            raise DataError(f"{path}: '{links[0]}' is a link; only data in the file itself is read")
    except BaseException:
        file.close()
        raise
    return file


def _open(path: Path) -> h5py.File:
    for locking in ({}, {"locking": False}):
        try:
            return h5py.File(path, "r", **locking)
        except OSError as error:
            if _is_lock_refused(error) and not locking:
                continue  # reading needs no lock: what is written appears whole
            if "truncated" in str(error):
                raise DataError(f"{path}: truncated, its end is missing; copy or write it again") from error
            if _is_lock_refused(error):
                raise DataError(_lock_words(path)) from error
            raise DataError(f"{path}: not an HDF5 file that can be read ({error})") from error
    raise AssertionError


def _is_lock_refused(error: OSError) -> bool:
    """Whether the disk knows no locks, as NFS without lockd; not whether another process holds one."""
    return error.errno in (errno.ENOLCK, errno.EOPNOTSUPP) or (
        "unable to lock file" in str(error)
        and any(f"errno = {number}" in str(error) for number in (errno.ENOLCK, errno.EOPNOTSUPP))
    )


def _lock_words(path: Path) -> str:
    return f"{path}: its disk can't lock files; set HDF5_USE_FILE_LOCKING=FALSE and run it again"


@contextmanager
def new_hdf5(path: Path, size: int) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """Yield a new file that will be `path`, which appears whole or not at all; OSError if there is no room.

    size: bytes of data that it will hold. Ctrl-C is noted while HDF5 works: call the yielded function between
    two blocks to raise it. HDF5 can't close a file on a full disk and crashes at exit: so ask for the room
    before HDF5 is involved, and once more since opening empties the file.
    """
    with atomic_file(path) as temporary, interrupts_noted() as raise_interrupt:
        with temporary.open("wb") as file:
            reserve(file.fileno(), size + _TABLE_BYTES, path)
        # From version 1.10 on HDF5 keeps checksums of its own tables too: damage anywhere is found.
        try:
            # Nobody else knows the temporary, so it needs no lock, which not every disk gives.
            created = h5py.File(temporary, "w", libver=("v110", "v110"), locking=False)
        except OSError as error:
            if _is_lock_refused(error):  # the environment asks for locks
                raise DataError(_lock_words(path)) from error
            raise
        with created as file:
            reserve(file.id.get_vfd_handle(), size, path)
            yield file, raise_interrupt
    trust(path)


def stored_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """The dataset `name` of the root group, all its data in this file; :class:`DataError` otherwise."""
    where = f"{file.filename}: '{name}'"
    if name not in file or not isinstance(file[name], h5py.Dataset):
        found = ", ".join(f"'{key}'" for key in file) or "nothing"
        raise DataError(f"{where} is missing; the file holds {found}")
    data = file[name]
    if data.is_virtual or data.external:
        raise DataError(f"{where} keeps its data in other files; only data in the file itself is read")
    if data.shape is None or data.dtype.hasobject:
        raise DataError(f"{where} is no array of numbers")
    ratio = _expansion(data, where)
    claimed, stored = math.prod(data.shape) * data.dtype.itemsize, data.id.get_storage_size()
    if claimed > stored * ratio:
        raise DataError(f"{where} claims {claimed} bytes (shape {data.shape}), but the file stores {stored}")
    return data


def _expansion(data: h5py.Dataset, where: str) -> int:
    """How many bytes one stored byte can stand for."""
    filters = data.id.get_create_plist()
    ratio, codes = 1, []
    for index in range(filters.get_nfilters()):
        code, *_, label = filters.get_filter(index)
        if code not in _FILTERS:
            raise DataError(f"{where} is packed with '{label.decode(errors='replace')}'; only gzip is read")
        ratio *= _FILTERS[code]
        codes.append(code)
    if codes.count(h5py.h5z.FILTER_DEFLATE) > 1:
        raise DataError(f"{where} is packed with gzip more than once; write it again")
    return ratio
