"""The calibration set file: users that ranges are taken from, and held-out users that judge the ranges.

One HDF5 file (:mod:`edgecsi.channel.user_file`), read in batches and never whole: `history` and `future`
(noise is in `history` already), `user` (int64 [row], index in the dataset), `speed_kmh` and `snr_db` (float32
[row]; infinity: clean), and the attributes of :class:`CalibrationInfo`. The first `users` rows calibrate;
after them comes every held-out user once per level of SNR.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from edgecsi.channel.hdf5 import damage_told, open_hdf5
from edgecsi.channel.usable import check_users
from edgecsi.channel.user_file import FileKind, check_tensors, read_column, read_header
from edgecsi.errors import DataError
from edgecsi.metrics import label_order
from edgecsi.radio import RadioSetting, require_same_radio
from edgecsi.users import Users

CALIBRATION_SET = FileKind(
    format="edgecsi-calibration-set",
    version=2,
    title="calibration set",
    source="`edgecsi calib sample`",
    renewal="sample it again",
)
BATCH_ROWS = 4


class CalibrationInfo(BaseModel):
    """How a calibration set was drawn; stored as one HDF5 attribute per field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str  # digest of the dataset that it was drawn from
    scenario: str
    seed: NonNegativeInt
    users: PositiveInt  # that calibrate, a row each
    held_out: PositiveInt  # users, a row for each level of SNR


class CalibrationSet:
    """An open calibration set.

    Attributes: `path`; `task`; `radio`; `info`; per row `user` int64, `speed_kmh` and `snr_db` float32.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = open_hdf5(self.path)
        try:
            with damage_told(self.path):
                self.task, self.radio, self.info = read_header(self._file, CALIBRATION_SET, CalibrationInfo)
                rows = check_tensors(self._file, self.task, self.radio)
                self.user: NDArray[np.int64] = read_column(self._file, "user", np.int64, rows)
                self.speed_kmh: NDArray[np.float32] = read_column(self._file, "speed_kmh", np.float32, rows)
                self.snr_db: NDArray[np.float32] = read_column(self._file, "snr_db", np.float32, rows)
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
        """How many batches :meth:`calibrating_users` gives."""
        return math.ceil(self.info.users / BATCH_ROWS)

    def calibrating_users(self) -> Iterator[Users]:
        """The calibrating users in batches."""
        return self._batches(np.arange(self.info.users))

    def held_out_users(self, snr_db: float) -> Iterator[Users]:
        """The held-out users at one level of SNR in batches."""
        held_out = np.arange(self.info.users, len(self.user))
        return self._batches(held_out[self.snr_db[held_out] == snr_db])

    def groups(self) -> dict[str, NDArray[np.str_]]:
        """Grouping of the task -> row label of every calibrating user."""
        return self.task.labels(self._columns(slice(0, self.info.users)))

    @cached_property
    def id(self) -> str:
        """SHA-256 of all that the file means, as hex: the same content has the same id in any file."""
        digest = hashlib.sha256(self.info.model_dump_json().encode())
        digest.update(f"{self.task.name}\0{self.radio.model_dump_json()}".encode())
        for column in (self.user, self.speed_kmh, self.snr_db):
            digest.update(column.tobytes())
        for users in self._batches(np.arange(len(self.user))):
            digest.update(users.inputs.tobytes())
            digest.update(users.targets.tobytes())
        return digest.hexdigest()

    def check_radio(self, radio: RadioSetting, whose: str, accept: bool = False) -> list[str]:
        """Refuse another radio setting than that of the set.

        whose: who has `radio`, in words. accept: differences that leave every shape are returned in words
        instead. Raises :class:`~edgecsi.errors.RadioMismatch`.
        """
        ways = "sample one from channels of that setting"
        return require_same_radio(self.radio, f"calibration set {self.path}", radio, whose, ways, accept)

    def check_groups(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """:class:`DataError` if the set covers none of the groups of the users with these columns [user]."""
        grouping = self.task.worst_grouping
        tested, covered = (found.get(grouping.name) for found in (self.task.labels(columns), self.groups()))
        if tested is None or covered is None or set(tested) & set(covered):
            return
        mine, theirs = (f"{', '.join(label_order(found))} {grouping.unit}" for found in (covered, tested))
        raise DataError(
            f"{self.path} covers {mine}, but none of the tested {theirs}; "
            "sample it from data like those that the engine will see"
        )

    def _columns(self, rows: slice | NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        return {"speed_kmh": self.speed_kmh[rows], "snr_db": self.snr_db[rows]}

    def _batches(self, rows: NDArray[np.int64]) -> Iterator[Users]:
        for first in range(0, len(rows), BATCH_ROWS):
            some = rows[first : first + BATCH_ROWS]
            yield Users(self._read("history", some), self._read("future", some), self._columns(some))

    def _read(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        where = f"{self.path}: {name}"
        with damage_told(where):
            block: NDArray[Any] = self._file[name][rows]
        check_users(block, rows, where)
        return block

    def _check_rows(self) -> None:
        wanted = self.info.users + self.info.held_out * len(self.snr_levels_db)
        if len(self.user) != wanted:
            raise DataError(
                f"{self.path} holds {len(self.user)} rows, not the {wanted} of its {self.info.users} "
                f"calibrating and {self.info.held_out} held-out users; sample it again"
            )
