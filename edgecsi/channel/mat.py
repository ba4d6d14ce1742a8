"""Import of LLM4CP's and QuaDRiGa's MATLAB v7.3 files, streamed.

The files (Liu et al., LLM4CP, JCIN 2024) hold one complex array each, in MATLAB [speed, user, time,
subcarrier, column, row, polarisation]; HDF5 shows the axes reversed, and MATLAB drops axes of length 1 at the
end (one polarisation, one row). The last three axes say the array. `H_U_his*` is the uplink history,
`H_U_pre*` the uplink future (TDD), `H_D_pre*` the future on the downlink band above (FDD). Coefficients are
kept as they are (about 5e-6). Users are numbered speed by speed: the users of the first speed, then those of
the second.

Drops: the files don't say which users share large-scale parameters. LLM4CP's generator draws one layout of
users per speed, all near one place, each with clusters of its own: over 90 such layouts of 10 users the
intraclass correlation was 0.02 for the log delay spread and nil for the power. So by default every
(speed, user) is a drop of its own, which also keeps all speeds in every part of a split; `drops="speed"`
keeps a layout together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi import __version__
from edgecsi.channel.hdf5 import damage_told, open_hdf5, stored_dataset
from edgecsi.channel.mat_options import ImportOptions
from edgecsi.channel.origin import Origin
from edgecsi.channel.usable import unusable
from edgecsi.channel.writer import write_dataset
from edgecsi.errors import DataError
from edgecsi.radio import MAX_AXIS, Duplex, RadioSetting

_AXES = "(speed, user, time, subcarrier, column, row, polarisation)"
_TILE_BYTES = 16 << 20
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PARTS = (("real", "imag"), ("r", "i"), ("re", "im"))
_SIGNATURE_BYTES = 1 << 16  # after a user block
_OTHER_WAYS = ", or write the dataset from any array with edgecsi.write_dataset in Python"


def import_mat(
    path: Path,
    history: Path,
    future: Path,
    options: ImportOptions,
    advance: Callable[[int, int], None] = lambda done, users: None,
) -> int:
    """Write the dataset `path` from a history and a future file; returns how many users it leaves out.

    Args:
        path: dataset to write.
        history: v7.3 file with `H_U_his*`.
        future: v7.3 file with `H_U_pre*` (makes the dataset TDD) or `H_D_pre*` (FDD).
        options: what the files don't say.
        advance: hears how many of how many users are done.

    Raises:
        DataError: a file that can't be used, or a user with NaN, Inf or zero power that is not left out.
    """
    with _open_mat(history) as history_file, _open_mat(future) as future_file:
        past = _variable(history_file, "H_U_his")
        coming = _variable(future_file, "H_U_pre", "H_D_pre")
        mine, theirs = _shape(past), _shape(coming)
        if mine[:2] + mine[3:] != theirs[:2] + theirs[3:]:
            raise DataError(f"{future}: its shape {theirs} does not fit the history's {mine} {_AXES}")
        speed_count, users, *_ = mine
        try:
            speeds = spread_speeds(options.speeds, speed_count)
            radio = _radio(mine, theirs[2], "tdd" if "H_U_pre" in coming.name else "fdd", options)
        except ValueError as error:
            raise DataError(f"{history}: {error}") from error
        origin = Origin(
            scenario=options.scenario,
            los=options.los,
            generator=f"import of {history.name} and {future.name}",
            generator_version=f"edgecsi {__version__}",
        )
        alive = np.ones((speed_count, users), bool)
        if options.drop_dead_users:
            alive = _alive(past) & _alive(coming)
        total, done = int(alive.sum()), 0
        if not total:
            raise DataError(f"{history} and {future}: no user has channels")
        place = np.cumsum(alive).reshape(alive.shape) - 1
        with write_dataset(path, radio, origin, total) as writer:
            for user_range, speed_range in _tiles(past):
                past_tile, coming_tile = (_read(data, user_range, speed_range) for data in (past, coming))
                for row, speed in enumerate(range(speed_range.start, speed_range.stop)):
                    kept = np.flatnonzero(alive[speed, user_range])
                    if not len(kept):
                        continue
                    number = user_range.start + kept
                    blocks = past_tile[row, kept], coming_tile[row, kept]
                    for data, block in zip((past, coming), blocks, strict=True):
                        _check(data, block, speed, number)
                    drop = speed * users + number if options.drops == "user" else np.full(len(kept), speed)
                    first = int(place[speed, number[0]])
                    writer.write(first, *blocks, np.full(len(kept), speeds[speed]), drop)
                    done += len(kept)
                    advance(done, total)
        return alive.size - total


def _alive(data: h5py.Dataset) -> NDArray[np.bool_]:
    """Which users can be used, [speed, user]."""
    speeds, users, *_ = _shape(data)
    alive = np.ones((speeds, users), bool)
    for user_range, speed_range in _tiles(data):
        for speed, block in enumerate(_read(data, user_range, speed_range), speed_range.start):
            alive[speed, [user_range.start + row for row in unusable(block)]] = False
    return alive


def _check(data: h5py.Dataset, block: NDArray[np.complex64], speed: int, users: NDArray[np.intp]) -> None:
    """:class:`DataError` for a user that can't be used, as its owner finds it in MATLAB."""
    for row, why in unusable(block).items():
        user = int(users[row])
        name = data.name.strip("/").partition("/")[0]
        raise DataError(
            f"{data.file.filename}: speed {speed}, user {user} (from 0; {name}({speed + 1},{user + 1},:) in "
            f"MATLAB) has {why}; repair or leave out this user, or import with --drop-dead-users"
        )


def spread_speeds(speeds: tuple[float, ...], count: int) -> NDArray[np.float32]:
    """Speeds of a speed axis of `count` places: one for all, two ends linearly, or one for each place."""
    if len(speeds) == count:
        return np.array(speeds, np.float32)
    if len(speeds) > 2:
        raise ValueError(f"{len(speeds)} speeds given for a speed axis of {count}")
    return np.linspace(speeds[0], speeds[-1], count, dtype=np.float32)


def _radio(shape: tuple[int, ...], future: int, duplex: Duplex, options: ImportOptions) -> RadioSetting:
    """The setting of files of that shape. ValueError where it can't be."""
    _, _, steps, subcarriers, *array = shape
    if array[2] > 2:
        raise ValueError(
            f"its last axis has {array[2]} polarisations, more than 2; its axes are {shape} {_AXES}"
        )
    if duplex == "tdd" and options.band_gap_mhz:
        raise ValueError(f"a band gap of {options.band_gap_mhz:g} MHz, but H_U_pre* is the future of TDD")
    return options.radio_of(duplex, subcarriers, steps, future, (array[0], array[1], array[2]))


def _open_mat(path: Path) -> h5py.File:
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(_SIGNATURE_BYTES)
        if start.startswith(b"MATLAB 5.0"):
            raise DataError(f"{path}: an old MATLAB file (v5); save it again with save(..., '-v7.3')")
        if _SIGNATURE not in start:
            raise DataError(f"{path}: not a MATLAB v7.3 file; save it with save(..., '-v7.3'){_OTHER_WAYS}")
    return open_hdf5(path)


def _variable(file: h5py.File, *prefixes: str) -> h5py.Dataset:
    """The one array whose name starts with one of `prefixes`, checked for LLM4CP's layout."""
    names = [name for name in file if re.match("|".join(prefixes), name)]
    if len(names) != 1:
        wanted = " or ".join(f"{prefix}*" for prefix in prefixes)
        raise DataError(
            f"{file.filename}: needs one variable {wanted}, holds {', '.join(file) or 'nothing'}{_OTHER_WAYS}"
        )
    with damage_told(file.filename):
        data = stored_dataset(file, _inside(file, names[0]))
    if not _is_complex(data.dtype):
        raise DataError(
            f"{file.filename}: '{names[0]}' must be a complex single or double array, is {data.dtype}; "
            "its parts must be called real and imag, or r and i"
        )
    if not 4 <= data.ndim <= 7 or 0 in data.shape or max(_shape(data)[2:]) > MAX_AXIS:
        raise DataError(f"{file.filename}: '{names[0]}' must be {_AXES}, is {data.shape[::-1]}")
    return data


def _inside(file: h5py.File, name: str) -> str:
    """Octave keeps a variable as a group with its type and its value."""
    value = f"{name}/value"
    inside = isinstance(file[name], h5py.Group) and "value" in file[name]
    if inside and not isinstance(file.get(value, getlink=True), h5py.HardLink):
        raise DataError(f"{file.filename}: '{value}' is a link; only data in the file itself is read")
    return value if inside else name


def _is_complex(dtype: np.dtype[Any]) -> bool:
    """Whether it is complex: h5py knows the parts r and i itself, MATLAB calls them real and imag."""
    if dtype.names in _PARTS:
        kinds = {dtype[name].kind for name in dtype.names}
        return kinds == {"f"}
    return dtype.kind == "c"


def _shape(data: h5py.Dataset) -> tuple[int, ...]:
    """All seven axes as MATLAB counts them."""
    return (*data.shape[::-1], *[1] * (7 - data.ndim))


def _tiles(data: h5py.Dataset) -> Iterator[tuple[slice, slice]]:
    """Ranges of users and speeds that cover the array, whole chunks each, so that none is unpacked twice."""
    users, speeds = data.shape[-2:]
    chunk_users, chunk_speeds = data.chunks[-2:] if data.chunks else (1, 1)
    cells = max(1, _TILE_BYTES // (data.nbytes // (users * speeds)))
    tile_speeds = _whole_chunks(cells // chunk_users, chunk_speeds)
    tile_users = _whole_chunks(cells // min(tile_speeds, speeds), chunk_users)
    for speed in range(0, speeds, tile_speeds):
        for user in range(0, users, tile_users):
            yield slice(user, min(user + tile_users, users)), slice(speed, min(speed + tile_speeds, speeds))


def _whole_chunks(size: int, chunk: int) -> int:
    return max(1, size // chunk) * chunk


def _read(data: h5py.Dataset, users: slice, speeds: slice) -> NDArray[np.complex64]:
    """One tile as complex64 [speed, user, antenna, time, subcarrier]."""
    with damage_told(data.file.filename):
        stored = data[..., users, speeds]
    csi = np.empty(stored.shape, np.complex64)
    if stored.dtype.names:
        csi.real, csi.imag = (stored[name] for name in stored.dtype.names)
    else:
        csi[...] = stored
    csi = csi.reshape(*[1] * (7 - csi.ndim), *csi.shape)
    csi = csi.transpose(6, 5, 2, 1, 0, 4, 3)  # speed, user, column, row, polarisation, time, subcarrier
    return csi.reshape(*csi.shape[:2], -1, *csi.shape[5:])
