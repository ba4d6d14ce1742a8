"""A histogram of magnitudes that grows with its data: one pass, fixed memory, the same for any batching."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 4096
SMALLEST_LIMIT = 2.0**-60


class MagnitudeHistogram:
    """Counts of |x| in BINS equal bins from 0 to `limit`, a power of two that doubles when a value is larger.

    Doubling adds neighbouring bins up, which is exact, and the first limit is the same for all data: the
    result does not depend on how the values came in batches. At least half of the bins are in use.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.limit = SMALLEST_LIMIT
        self.lowest, self.highest = np.inf, -np.inf  # of the signed values

    def add(self, values: NDArray[np.float32]) -> None:
        """Count the magnitudes of an array of any shape; finite values only."""
        self.lowest = min(self.lowest, float(values.min()))
        self.highest = max(self.highest, float(values.max()))
        while self.limit < self.peak:
            self.counts = np.concatenate(
                [self.counts.reshape(-1, 2).sum(axis=1), np.zeros(BINS // 2, np.int64)]
            )
            self.limit *= 2
        bins = (np.abs(values).ravel() * np.float32(BINS / self.limit)).astype(np.int32)
        self.counts += np.bincount(np.minimum(bins, BINS - 1), minlength=BINS)

    @property
    def peak(self) -> float:
        """The largest magnitude."""
        return max(-self.lowest, self.highest)

    @property
    def width(self) -> float:
        """Of one bin."""
        return self.limit / BINS

    @property
    def is_constant(self) -> bool:
        """Whether all values were the same."""
        return self.lowest == self.highest
