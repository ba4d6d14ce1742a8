"""Train, validation and test users, split by drop: users who share large-scale parameters stay together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecsi.channel.dataset import Dataset
from edgecsi.errors import DataError


@dataclass(frozen=True)
class Split:
    """Sorted, disjoint user indices: int64 [n] each."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


VALIDATION_SHARE = TEST_SHARE = 0.1


def split(ds: Dataset, fractions: tuple[float, float, float] | None = None, seed: int = 0) -> Split:
    """Deal out whole drops: `fractions` of them to train, validation and test, at least one to each.

    By default the dataset says how many test; as many as a tenth validate. Fractions that sum to less than
    one leave users out. :class:`DataError` if there are too few drops.
    """
    if fractions is None:
        test = ds.origin.test_share or TEST_SHARE
        fractions = (1 - VALIDATION_SHARE - test, VALIDATION_SHARE, test)
    if min(fractions) <= 0 or sum(fractions) > 1 + 1e-9:
        raise DataError(f"split fractions must be positive and sum to at most 1, not {fractions}")
    drops = np.random.default_rng(seed).permutation(np.unique(ds.drop))
    _, val, test = (max(1, round(fraction * len(drops))) for fraction in fractions)
    train = round(sum(fractions) * len(drops)) - val - test
    if train < 1:
        raise DataError(
            f"{ds.path}: {len(drops)} drops are too few for {fractions}; users of a drop stay together"
        )
    parts = np.split(drops[: train + val + test], [train, train + val])
    return Split(*(np.flatnonzero(np.isin(ds.drop, part)) for part in parts))
