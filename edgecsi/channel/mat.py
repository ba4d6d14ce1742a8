"""Import of LLM4CP's and QuaDRiGa's MATLAB v7.3 files, streamed.

The files (Liu et al., LLM4CP, JCIN 2024) hold one complex array each, in MATLAB [speed, user, time,
subcarrier, column, row, polarisation]; HDF5 shows the axes reversed. `H_U_his*` is the uplink history,
`H_U_pre*` the uplink future (TDD), `H_D_pre*` the future on the adjacent downlink band (FDD). Coefficients
are kept as they are (about 5e-6). Users are numbered speed by speed: the users of the first speed, then those
of the second.

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
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi.channel.hdf5 import damage_told, open_hdf5, stored_dataset
from edgecsi.channel.info import ChannelInfo
from edgecsi.channel.speeds import spread_speeds
from edgecsi.channel.writer import write_dataset
from edgecsi.csi import CsiShape
from edgecsi.errors import DataError

_ANTENNA_AXES = (2, 4, 4)  # polarisation, row, column: MATLAB's last three axes, reversed
_TILE_BYTES = 16 << 20


def import_mat(
    path: Path,
    history: Path,
    future: Path,
    info: ChannelInfo,
    speeds_kmh: tuple[float, ...] = (10.0, 100.0),
    drops: Literal["user", "speed"] = "user",
    advance: Callable[[int, int], None] = lambda done, users: None,
) -> None:
    """Write the dataset `path` from a history and a future file.

    Args:
        path: dataset to write.
        history: v7.3 file with `H_U_his*`.
        future: v7.3 file with `H_U_pre*` (makes the dataset TDD) or `H_D_pre*` (FDD).
        info: what the files don't say; its duplex mode is replaced by what the future's name says.
        speeds_kmh: speeds along the speed axis, as :func:`~edgecsi.channel.speeds.spread_speeds`.
        drops: what counts as one drop.
        advance: hears how many of how many users are done.

    Raises:
        DataError: a file that can't be used, or a user with NaN, Inf or zero power.
    """
    with _open_mat(history) as history_file, _open_mat(future) as future_file:
        past = _variable(history_file, "H_U_his")
        coming = _variable(future_file, "H_U_pre", "H_D_pre")
        if past.shape[:4] != coming.shape[:4] or past.shape[5:] != coming.shape[5:]:
            raise DataError(
                f"{future}: its shape {coming.shape[::-1]} does not fit the history's {past.shape[::-1]} "
                "(speed, user, time, subcarrier, 4, 4, 2)"
            )
        subcarriers, steps, users, speed_count = past.shape[3:]
        try:
            speeds = spread_speeds(speeds_kmh, speed_count)
        except ValueError as error:
            raise DataError(f"{history}: {error}") from error
        info = info.model_copy(update={"duplex": "tdd" if "H_U_pre" in coming.name else "fdd"})
        shape = CsiShape(int(np.prod(_ANTENNA_AXES)), steps, coming.shape[4], subcarriers)
        total, done = speed_count * users, 0
        with write_dataset(path, info, shape, total) as writer:
            for user_range, speed_range in _tiles(past):
                past_tile, coming_tile = (_read(data, user_range, speed_range) for data in (past, coming))
                for row, speed in enumerate(range(speed_range.start, speed_range.stop)):
                    first, count = speed * users + user_range.start, past_tile.shape[1]
                    drop = np.arange(first, first + count) if drops == "user" else np.full(count, speed)
                    writer.write(first, past_tile[row], coming_tile[row], np.full(count, speeds[speed]), drop)
                    done += count
                    advance(done, total)


def _open_mat(path: Path) -> h5py.File:
    if path.is_file():
        with path.open("rb") as file:
            if file.read(10) == b"MATLAB 5.0":
                raise DataError(f"{path}: an old MATLAB file (v5); save it again with save(..., '-v7.3')")
    return open_hdf5(path)


def _variable(file: h5py.File, *prefixes: str) -> h5py.Dataset:
    """The one array whose name starts with one of `prefixes`, checked for LLM4CP's layout."""
    names = [name for name in file if re.match("|".join(prefixes), name)]
    if len(names) != 1:
        wanted = " or ".join(f"{prefix}*" for prefix in prefixes)
        raise DataError(f"{file.filename}: needs one variable {wanted}, holds {', '.join(file) or 'nothing'}")
    with damage_told(file.filename):
        data = stored_dataset(file, names[0])
    if data.dtype.names != ("real", "imag") or data.dtype["real"].kind != "f":
        raise DataError(
            f"{file.filename}: '{names[0]}' must be a complex single or double array, is {data.dtype}"
        )
    if data.ndim != 7 or data.shape[:3] != _ANTENNA_AXES or 0 in data.shape:
        raise DataError(
            f"{file.filename}: '{names[0]}' must be [speed, user, time, subcarrier, 4, 4, 2], "
            f"is {data.shape[::-1]}"
        )
    return data


def _tiles(data: h5py.Dataset) -> Iterator[tuple[slice, slice]]:
    """Ranges of users and speeds that cover the array, whole chunks each, so that none is unpacked twice."""
    users, speeds = data.shape[5:]
    chunk_users, chunk_speeds = data.chunks[5:] if data.chunks else (1, 1)
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
    csi.real, csi.imag = stored["real"], stored["imag"]
    csi = csi.transpose(6, 5, 2, 1, 0, 4, 3)  # speed, user, column, row, polarisation, time, subcarrier
    return csi.reshape(*csi.shape[:2], -1, *csi.shape[5:])
