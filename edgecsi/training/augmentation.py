"""Noise that is added to inputs while they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import DataError
from edgecsi.tasks import Task


@dataclass(frozen=True)
class Augmentation:
    """Random noise on the inputs, a pure function of (seed, user, draw): teacher and student see the same.

    snr_db: one value or a (low, high) range in dB; None keeps the inputs clean. The target is always
    clean. draws: how many different draws a user has; epoch e uses draw e modulo draws. clean_share: the
    share of (user, draw) pairs whose inputs stay clean all the same.
    """

    snr_db: float | tuple[float, float] | None = None
    draws: int = 1
    seed: int = 0
    clean_share: float = 0.0

    def draw_of(self, epoch: int) -> int:
        """The draw that an epoch uses."""
        return epoch % self.draws

    def check(self, task: Task) -> None:
        """DataError where noise is asked for and the task has none."""
        if self.snr_db is not None and task.add_noise is None:
            raise DataError(f"--snr-db: task {task.name} has no noise to add; leave it out")

    def __call__(
        self, task: Task, inputs: NDArray[np.generic], users: NDArray[np.int64], draw: int = 0
    ) -> NDArray[np.generic]:
        """Inputs [user, *input axes] of these users in this draw."""
        self.check(task)
        if self.snr_db is None or task.add_noise is None:
            return inputs
        noisy = np.array([self._is_noisy(int(user), draw) for user in users], bool)
        augmented = inputs.copy()
        augmented[noisy] = task.add_noise(inputs[noisy], users[noisy], self.snr_db, self.seed, draw)
        return augmented

    def _is_noisy(self, user: int, draw: int) -> bool:
        return np.random.default_rng((self.seed, user, draw)).random() >= self.clean_share
