"""Batches of rows, read lazily from a dataset and augmented by seeded draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgecsi.channel import Dataset, add_noise
from edgecsi.csi import to_interleaved


@dataclass(frozen=True)
class Augmentation:
    """Random noise on the history, a pure function of (seed, user, draw): teacher and student see the same.

    snr_db: one value or a (low, high) range in dB; None keeps the history clean. The target is always
    clean. draws: how many different draws a user has; epoch e uses draw e modulo draws. clean_share: the
    share of (user, draw) pairs whose history stays clean all the same.
    """

    snr_db: float | tuple[float, float] | None = None
    draws: int = 1
    seed: int = 0
    clean_share: float = 0.0

    def draw_of(self, epoch: int) -> int:
        """The draw that an epoch uses."""
        return epoch % self.draws

    def __call__(
        self, history: NDArray[np.complex64], users: NDArray[np.int64], draw: int
    ) -> NDArray[np.complex64]:
        """History complex64 [user, antenna, T, K] of these users in this draw."""
        if self.snr_db is None:
            return history
        noisy = np.array([self._is_noisy(int(user), draw) for user in users], bool)
        augmented = history.copy()
        augmented[noisy] = add_noise(history[noisy], users[noisy], self.snr_db, self.seed, draw)
        return augmented

    def _is_noisy(self, user: int, draw: int) -> bool:
        return np.random.default_rng((self.seed, user, draw)).random() >= self.clean_share


@dataclass
class Batch:
    """Some antennas of some users.

    users int64 [user]: indices in the dataset; groups int64 [user]: which antenna group each is; draw: of the
    augmentation; history, future: float32 [user, antenna of the group, T|P, K, 2].
    """

    users: NDArray[np.int64]
    groups: NDArray[np.int64]
    draw: int
    history: Tensor
    future: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on a device."""
        return Batch(self.users, self.groups, self.draw, self.history.to(device), self.future.to(device))


@dataclass(frozen=True)
class BatchSource:
    """Which users of a dataset train and validate, and how they are cut into batches.

    An epoch sees every (user, antenna) row once, as the papers' row batches do: an antenna group
    (antennas g, g+G, g+2G, ... for `batch_antennas` of them) of a user is the unit that is shuffled. Many
    users with few antennas make a better gradient than few users with all their correlated antennas.
    The batches of an epoch are of nearly equal size, at most `batch_users` units. Several processes take
    turns at them; all see the same shuffling.
    """

    dataset: Dataset
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    batch_users: int
    batch_antennas: int
    augmentation: Augmentation

    @property
    def group_count(self) -> int:
        """Antenna groups per user."""
        return self.dataset.shape.antennas // self.batch_antennas

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
        """Read and augment one antenna group of each of these users."""
        history = self.augmentation(self.dataset.history(users), users, draw)
        future = self.dataset.future(users)
        antennas = groups[:, None] + self.group_count * np.arange(self.batch_antennas)
        each = np.arange(len(users))[:, None]
        return Batch(users, groups, draw, _tensor(history[each, antennas]), _tensor(future[each, antennas]))

    def validation_batches(self, rank: int = 0, processes: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """(history, future) of one process's validation users with all their antennas, in draw 0."""
        own = self.validation[rank::processes]
        for first in range(0, len(own), self.batch_users):
            users = own[first : first + self.batch_users]
            history = self.augmentation(self.dataset.history(users), users, draw=0)
            yield _tensor(history), _tensor(self.dataset.future(users))


def _tensor(csi: NDArray[np.complex64]) -> Tensor:
    return torch.from_numpy(to_interleaved(csi))
