"""Batches of rows, read lazily from a dataset and augmented by seeded draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgecsi.channel import Dataset, split
from edgecsi.errors import ModelError
from edgecsi.tasks import Task
from edgecsi.training.augmentation import Augmentation
from edgecsi.training.options import ExampleOptions

VALIDATION_AT_LEAST = 8  # users, where `max_users` allows fewer than 40: fewer say nothing
VALIDATION_PART = 5  # a fifth as many users validate as `max_users` lets train


@dataclass
class Batch:
    """Some rows of some users.

    users int64 [user]: indices in the dataset; groups int64 [user]: which row group each is; draw: of the
    augmentation; inputs, targets: float32 [user, *engine axes of the task], the row axis cut to the group.
    """

    users: NDArray[np.int64]
    groups: NDArray[np.int64]
    draw: int
    inputs: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on a device."""
        return Batch(self.users, self.groups, self.draw, self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class BatchSource:
    """Which users of a dataset train and validate, and how they are cut into batches.

    An epoch sees every (user, row) once, as the papers' row batches do; rows lie along the task's row axis
    (CSI: antennas). A row group (rows g, g+G, g+2G, ... for `batch_rows` of them) of a user is the unit that
    is shuffled. Many users with few rows make a better gradient than few users with all their correlated
    rows. The batches of an epoch are of nearly equal size, at most `batch_users` units. Several processes
    take turns at them; all see the same shuffling.
    """

    dataset: Dataset
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    batch_users: int
    batch_rows: int
    augmentation: Augmentation

    @property
    def task(self) -> Task:
        """Of the dataset."""
        return self.dataset.task

    @property
    def group_count(self) -> int:
        """Row groups per user."""
        return self.task.row_count(self.dataset.radio) // self.batch_rows

    def steps(self, processes: int) -> int:
        """Optimizer steps per epoch and process."""
        units = len(self.train) * self.group_count
        return -(-units // (self.batch_users * processes))

    def training_batches(self, epoch: int, rank: int, processes: int) -> Iterator[Batch]:
        """The epoch's batches of one process, shuffled by (seed, epoch)."""
        order = np.random.default_rng((self.augmentation.seed, epoch)).permutation(
            len(self.train) * self.group_count
        )
        draw = self.augmentation.draw_of(epoch)
        count = self.steps(processes) * processes
        if count > len(order):  # fewer units than batches: every process still needs one in every step
            order = np.resize(order, count)
        for units in np.array_split(order, count)[rank::processes]:
            yield self.batch(self.train[units // self.group_count], units % self.group_count, draw)

    def batch(self, users: NDArray[np.int64], groups: NDArray[np.int64], draw: int) -> Batch:
        """Read and augment one row group of each of these users."""
        task = self.task
        inputs, targets = self._inputs(users, draw), self.dataset.future(users)
        inputs, targets = (
            self._rows(values, tensor.axes, groups)
            for values, tensor in ((inputs, task.input), (targets, task.target))
        )
        return Batch(users, groups, draw, *self._tensors(inputs, targets))

    def validation_batches(self, rank: int = 0, processes: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """(inputs, targets) of one process's validation users with all their rows, in draw 0."""
        own = self.validation[rank::processes]
        for first in range(0, len(own), self.batch_users):
            users = own[first : first + self.batch_users]
            yield self._tensors(self._inputs(users, draw=0), self.dataset.future(users))

    def _inputs(self, users: NDArray[np.int64], draw: int) -> NDArray[np.generic]:
        return self.augmentation(self.task, self.dataset.history(users), users, draw)

    def _rows(
        self, values: NDArray[np.generic], axes: tuple[str, ...], groups: NDArray[np.int64]
    ) -> NDArray[np.generic]:
        """The rows of a group of each user, of [user, *axes]."""
        if self.task.row_axis is None:
            return values
        axis = 1 + axes.index(self.task.row_axis)
        rows = groups[:, None] + self.group_count * np.arange(self.batch_rows)
        each = np.arange(len(values))[:, None]
        return np.moveaxis(np.moveaxis(values, axis, 1)[each, rows], 1, axis)

    def _tensors(self, inputs: NDArray[np.generic], targets: NDArray[np.generic]) -> tuple[Tensor, Tensor]:
        pairs = (self.task.input, inputs), (self.task.target, targets)
        first, second = (torch.from_numpy(tensor.to_engine(values)) for tensor, values in pairs)
        return first, second


@contextmanager
def open_source(
    path: Path, options: ExampleOptions, batch_users: int, whole_users: bool = False
) -> Iterator[BatchSource]:
    """A batch source over the training and validation users of a dataset.

    The split by drop is the same everywhere, so no network ever trains on a test user. whole_users: rows of
    a user are never cut apart. ModelError where rows can't be cut as asked for.
    """
    with Dataset.open(path) as dataset:
        options.augmentation.check(dataset.task)
        rows = dataset.task.row_count(dataset.radio)
        batch_rows = rows if whole_users else min(options.batch_antennas, rows)
        if rows % batch_rows:
            raise ModelError(
                f"--batch-antennas {batch_rows} must divide the {rows} {dataset.task.row_axis}s of a user"
            )
        users, most = split(dataset), options.max_users
        yield BatchSource(
            dataset,
            _some(users.train, most, options.seed),
            _some(users.val, most and max(VALIDATION_AT_LEAST, most // VALIDATION_PART), options.seed),
            batch_users,
            batch_rows,
            options.augmentation,
        )


def _some(users: NDArray[np.int64], count: int | None, seed: int) -> NDArray[np.int64]:
    if count is None or count >= len(users):
        return users
    return np.sort(np.random.default_rng(seed).permutation(users)[:count])
