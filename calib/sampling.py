"""From a dataset to a calibration set: whom to draw, and writing them, streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from edgecsi.calib.calibration_set import CLEAN, FORMAT, FORMAT_VERSION, CalibrationInfo
from edgecsi.calib.strata import balanced_levels, stratified_order
from edgecsi.channel import Dataset, add_noise, split
from edgecsi.channel.hdf5 import new_hdf5
from edgecsi.channel.interrupts import interrupts_noted
from edgecsi.errors import DataError

BLOCK_USERS = 16


@dataclass(frozen=True)
class Recipe:
    """What to draw.

    users: that calibrate, of the dataset's training users. held_out: that judge, of its validation users.
    snr_db: levels of SNR; clean always is one more.
    """

    users: int = 256
    held_out: int = 96
    snr_db: tuple[float, ...] = (20.0,)
    seed: int = 0


@dataclass(frozen=True)
class _Rows:
    """The rows of the file.

    user: int64 [row], index in the dataset; level: int64 [row], index in `levels`, the SNR in dB.
    """

    user: NDArray[np.int64]
    level: NDArray[np.int64]
    levels: tuple[float, ...]


def sample(data: Path, path: Path, recipe: Recipe) -> None:
    """Draw a calibration set from the dataset `data` and write it to `path`, complete or not at all.

    The test users of the dataset are never touched. DataError where it has fewer users than asked for.
    """
    with Dataset.open(data) as dataset:
        rows = _choose(dataset, recipe)
        info = CalibrationInfo(
            dataset=dataset.digest,
            scenario=dataset.info.scenario,
            seed=recipe.seed,
            users=recipe.users,
            held_out=recipe.held_out,
        )
        shape = dataset.shape
        size = len(rows.user) * 8 * (math.prod(shape.history_shape) + math.prod(shape.future_shape))
        with interrupts_noted() as raise_interrupt, new_hdf5(path, size + 128 * len(rows.user)) as file:
            file.attrs.update({"format": FORMAT, "format_version": FORMAT_VERSION, **info.model_dump()})
            for _ in _write(file, dataset, rows, recipe.seed):
                raise_interrupt()


def _choose(dataset: Dataset, recipe: Recipe) -> _Rows:
    """Whom to draw, and at which SNR."""
    parts = split(dataset)
    for part, count, option in (
        (parts.train, recipe.users, "training"),
        (parts.val, recipe.held_out, "validation"),
    ):
        if count > len(part):
            raise DataError(
                f"{dataset.path} has {len(part)} {option} users, fewer than the {count} asked for; "
                "ask for fewer or use a larger dataset"
            )
    levels = (CLEAN, *dict.fromkeys(recipe.snr_db))
    order, turns = stratified_order(*_strata(dataset, parts.train), recipe.seed)
    chosen = parts.train[order[: recipe.users]]
    level = balanced_levels(turns, len(levels))[: recipe.users]
    ascending = np.argsort(chosen)  # neighbours in the dataset are read together
    order, _ = stratified_order(*_strata(dataset, parts.val), recipe.seed)
    judging = np.sort(parts.val[order[: recipe.held_out]])
    return _Rows(
        user=np.concatenate([chosen[ascending], *[judging] * len(levels)]),
        level=np.concatenate([level[ascending], np.repeat(np.arange(len(levels)), len(judging))]),
        levels=levels,
    )


def _strata(dataset: Dataset, users: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Speed and mean power of users [user]."""
    power = [
        np.mean(
            np.abs(dataset.history(users[first : first + BLOCK_USERS])) ** 2, axis=(1, 2, 3), dtype=np.float64
        )
        for first in range(0, len(users), BLOCK_USERS)
    ]
    return dataset.speed_kmh[users], np.concatenate(power)


def _write(file: h5py.File, dataset: Dataset, rows: _Rows, seed: int) -> Iterator[None]:
    """Write the rows block by block; yields after each."""
    file.create_dataset("user", data=rows.user)
    file.create_dataset("snr_db", data=np.array(rows.levels, np.float32)[rows.level])
    file.create_dataset("speed_kmh", data=dataset.speed_kmh[rows.user])
    shape, count = dataset.shape, len(rows.user)
    for name, one in (("history", shape.history_shape), ("future", shape.future_shape)):
        file.create_dataset(name, (count, *one), np.complex64, chunks=(1, *one), fletcher32=True)
    for first in range(0, count, BLOCK_USERS):
        block = slice(first, first + BLOCK_USERS)
        users, level = rows.user[block], rows.level[block]
        history = dataset.history(users)
        for i, snr_db in enumerate(rows.levels):
            if snr_db != CLEAN:  # the level also chooses the noise, so that a user's levels differ
                noisy = level == i
                history[noisy] = add_noise(history[noisy], users[noisy], snr_db, seed, draw=i)
        file["history"][block] = history
        file["future"][block] = dataset.future(users)
        yield
