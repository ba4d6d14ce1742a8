"""From a dataset to a calibration set: whom to draw, and writing them, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi.calib.calibration_set import CALIBRATION_SET, CalibrationInfo
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.strata import balanced_levels, stratified_order
from edgecsi.channel import Dataset, split
from edgecsi.channel.hdf5 import new_hdf5
from edgecsi.channel.usable import mean_power
from edgecsi.channel.user_file import create_column, create_tensors, data_bytes, write_header
from edgecsi.errors import DataError
from edgecsi.users import CLEAN

BLOCK_USERS = 16


@dataclass(frozen=True)
class _Rows:
    """The rows of the file.

    user: int64 [row], index in the dataset; level: int64 [row], index in `levels`, the SNR in dB.
    """

    user: NDArray[np.int64]
    level: NDArray[np.int64]
    levels: tuple[float, ...]


def sample(data: Path, path: Path, options: CalibrationOptions) -> None:
    """Draw a calibration set from the dataset `data` and write it to `path`, complete or not at all.

    The test users of the dataset are never touched. DataError where it has fewer users than asked for.
    """
    with Dataset.open(data) as dataset:
        task, radio, rows = dataset.task, dataset.radio, _choose(dataset, options)
        info = CalibrationInfo(
            dataset=dataset.digest,
            scenario=dataset.origin.scenario,
            seed=options.seed,
            users=options.users,
            held_out=options.held_out,
        )
        with new_hdf5(path, data_bytes(task, radio, len(rows.user))) as (file, raise_interrupt):
            write_header(file, CALIBRATION_SET, task, radio, info)
            for _ in _write(file, dataset, rows, options.seed):
                raise_interrupt()


def _choose(dataset: Dataset, options: CalibrationOptions) -> _Rows:
    """Whom to draw, and at which SNR."""
    parts = split(dataset)
    for part, count, kind in (
        (parts.train, options.users, "training"),
        (parts.val, options.held_out, "validation"),
    ):
        if count > len(part):
            raise DataError(
                f"{dataset.path} has {len(part)} {kind} users, fewer than the {count} asked for; "
                "ask for fewer or use a larger dataset"
            )
    levels = (CLEAN, *(dict.fromkeys(options.snr_db) if dataset.task.add_noise else ()))
    order, turns = stratified_order(*_strata(dataset, parts.train), options.seed)
    chosen = parts.train[order[: options.users]]
    level = balanced_levels(turns, len(levels))[: options.users]
    ascending = np.argsort(chosen)  # neighbours in the dataset are read together
    order, _ = stratified_order(*_strata(dataset, parts.val), options.seed)
    judging = np.sort(parts.val[order[: options.held_out]])
    return _Rows(
        user=np.concatenate([chosen[ascending], *[judging] * len(levels)]),
        level=np.concatenate([level[ascending], np.repeat(np.arange(len(levels)), len(judging))]),
        levels=levels,
    )


def _strata(dataset: Dataset, users: NDArray[np.int64]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Group, by all groupings of the task, and mean power of users [user]."""
    power = [
        mean_power(dataset.history(users[first : first + BLOCK_USERS]))
        for first in range(0, len(users), BLOCK_USERS)
    ]
    labels = dataset.task.labels(dataset.columns(users)).values()
    groups = np.array([" ".join(row) for row in zip(*labels, strict=True)] or [""] * len(users))
    return groups, np.concatenate(power)


def _write(file: h5py.File, dataset: Dataset, rows: _Rows, seed: int) -> Iterator[None]:
    """Write the rows block by block; yields after each."""
    columns = {
        "user": rows.user.astype(np.int64),
        "snr_db": np.array(rows.levels, np.float32)[rows.level],
        "speed_kmh": dataset.speed_kmh[rows.user],
    }
    for name, values in columns.items():
        create_column(file, name, values.dtype.type, len(values))[...] = values
    create_tensors(file, dataset.task, dataset.radio, len(rows.user))
    add_noise = dataset.task.add_noise
    for first in range(0, len(rows.user), BLOCK_USERS):
        block = slice(first, first + BLOCK_USERS)
        users, level = rows.user[block], rows.level[block]
        history = dataset.history(users)
        for i, snr_db in enumerate(rows.levels):
            if add_noise and snr_db != CLEAN:
                noisy = level == i
                # The level also chooses the noise, so that a user's levels differ.
                history[noisy] = add_noise(history[noisy], users[noisy], snr_db, seed, i)
        file["history"][block] = history
        file["future"][block] = dataset.future(users)
        yield
