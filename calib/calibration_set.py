"""The calibration set file: users that ranges are taken from, and held-out users that judge the ranges.

One HDF5 file, read in batches and never whole: `history` and `future` (complex64 [row, antenna, T or P, K],
one chunk per row with a checksum; noise is in `history` already), `user` (int64 [row], index in the dataset),
`speed_kmh` and `snr_db` (float32 [row]; infinity: clean), and the attributes of :class:`CalibrationInfo`.
The first `users` rows calibrate; after them comes every held-out user once per level of SNR.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, ValidationError

from edgecsi.channel.checks import check_users
from edgecsi.channel.hdf5 import damage_told, open_hdf5, stored_dataset
from edgecsi.csi import CsiShape
from edgecsi.errors import DataError
from edgecsi.metrics.nmse import speed_label

FORMAT = "edgecsi-calibration-set"
FORMAT_VERSION = 1
BATCH_ROWS = 4
CLEAN = float("inf")  # the SNR without noise, in dB


class CalibrationInfo(BaseModel):
    """How a calibration set was drawn; stored as one HDF5 attribute per field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str  # digest of the dataset that it was drawn from
    scenario: str
    seed: NonNegativeInt
    users: PositiveInt  # that calibrate, a row each
    held_out: PositiveInt  # users, a row for each level of SNR


@dataclass(frozen=True)
class Rows:
    """Some rows: history complex64 [n, antenna, T, K], future [n, antenna, P, K], speeds and SNR [n]."""

    history: NDArray[np.complex64]
    future: NDArray[np.complex64]
    speed_kmh: NDArray[np.float32]
    snr_db: NDArray[np.float32]


class CalibrationSet:
    """An open calibration set.

    Attributes: `path`; `info`; `shape`; per row `user` int64, `speed_kmh` and `snr_db` float32.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = open_hdf5(self.path)
        try:
            with damage_told(self.path):
                self.info = _read_info(self._file)
                self.shape = self._read_shape()
                self.user = self._column("user", np.int64)
                self.speed_kmh = self._column("speed_kmh", np.float32)
                self.snr_db = self._column("snr_db", np.float32)
            self._check_rows()
        except BaseException:
            self._file.close()
            raise

    @classmethod
    def open(cls, path: str | Path) -> CalibrationSet:
        """Open a file; a context manager. :class:`DataError` on anything wrong with it."""
        return cls(path)

    def __enter__(self) -> CalibrationSet:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def snr_levels_db(self) -> list[float]:
        """The levels of SNR, clean (infinity) first."""
        return sorted(set(self.snr_db.tolist()), reverse=True)

    @property
    def batch_count(self) -> int:
        """How many batches :meth:`calibration_rows` gives."""
        return math.ceil(self.info.users / BATCH_ROWS)

    def calibration_rows(self) -> Iterator[Rows]:
        """The calibrating users in batches."""
        return self._batches(np.arange(self.info.users))

    def held_out_rows(self, snr_db: float) -> Iterator[Rows]:
        """The held-out users at one level of SNR in batches."""
        held_out = np.arange(self.info.users, len(self.user))
        return self._batches(held_out[self.snr_db[held_out] == snr_db])

    def speeds(self) -> set[str]:
        """Speed rows (:func:`edgecsi.metrics.nmse.speed_label`) of the calibrating users."""
        return {speed_label(speed) for speed in self.speed_kmh[: self.info.users]}

    @cached_property
    def id(self) -> str:
        """SHA-256 of all that the file means, as hex: the same content has the same id in any file."""
        digest = hashlib.sha256(self.info.model_dump_json().encode())
        for column in (self.user, self.speed_kmh, self.snr_db):
            digest.update(column.tobytes())
        for rows in self._batches(np.arange(len(self.user))):
            digest.update(rows.history.tobytes())
            digest.update(rows.future.tobytes())
        return digest.hexdigest()

    def check_shape(self, shape: CsiShape) -> None:
        """:class:`DataError` unless the set has the shape that a student predicts."""
        if shape != self.shape:
            raise DataError(f"{self.path} holds {self.shape}, but the student predicts {shape}")

    def check_speeds(self, speed_kmh: NDArray[np.floating]) -> None:
        """:class:`DataError` if the set covers none of the speed rows of these users' speeds [user]."""
        tested = {speed_label(speed) for speed in speed_kmh}
        if not tested & self.speeds():
            raise DataError(
                f"{self.path} covers {_words(self.speeds())} km/h, but none of the tested "
                f"{_words(tested)} km/h; sample it from data with the speeds that the engine will see"
            )

    def _batches(self, rows: NDArray[np.int64]) -> Iterator[Rows]:
        for first in range(0, len(rows), BATCH_ROWS):
            some = rows[first : first + BATCH_ROWS]
            history, future = (self._read(name, some) for name in ("history", "future"))
            yield Rows(history, future, self.speed_kmh[some], self.snr_db[some])

    def _read(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.complex64]:
        where = f"{self.path}: {name}"
        with damage_told(where):
            block = self._file[name][rows]
        check_users(block, rows, where)
        return block

    def _read_shape(self) -> CsiShape:
        history, future = (stored_dataset(self._file, name) for name in ("history", "future"))
        fits = history.ndim == future.ndim == 4 and all(
            history.shape[axis] == future.shape[axis] for axis in (0, 1, 3)
        )
        if not fits or {history.dtype, future.dtype} != {np.dtype(np.complex64)}:
            raise DataError(
                f"{self.path}: history {history.dtype} {history.shape} and future {future.dtype} "
                f"{future.shape} are not complex64 [row, antenna, T or P, subcarrier]"
            )
        _, antennas, steps, subcarriers = history.shape
        return CsiShape(antennas, steps, future.shape[2], subcarriers)

    def _column(self, name: str, dtype: type) -> NDArray[Any]:
        data, rows = stored_dataset(self._file, name), len(self._file["history"])
        if data.dtype != dtype or data.shape != (rows,):
            raise DataError(f"{self.path}: '{name}' must be {np.dtype(dtype)} [{rows}]")
        return data[...]

    def _check_rows(self) -> None:
        wanted = self.info.users + self.info.held_out * len(self.snr_levels_db)
        if len(self.user) != wanted:
            raise DataError(
                f"{self.path} holds {len(self.user)} rows, not the {wanted} of its {self.info.users} "
                f"calibrating and {self.info.held_out} held-out users; sample it again"
            )


def _read_info(file: h5py.File) -> CalibrationInfo:
    attributes = {
        name: value.item() if isinstance(value, np.generic) else value for name, value in file.attrs.items()
    }
    kind, version = attributes.pop("format", None), attributes.pop("format_version", None)
    if kind != FORMAT:
        raise DataError(f"{file.filename}: no calibration set; make one with `edgecsi calib sample`")
    if version != FORMAT_VERSION:
        raise DataError(
            f"{file.filename}: calibration set format {version}, this edgecsi reads {FORMAT_VERSION}"
        )
    try:
        return CalibrationInfo(**attributes)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{file.filename}: attribute {first['loc'][0]!r} is wrong: {first['msg']}") from error


def _words(labels: set[str]) -> str:
    return ", ".join(sorted(labels, key=int))
