"""Drawing users evenly over groups and power."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POWER_STRATA = 3


def stratified_order(
    labels: NDArray[np.str_], power: NDArray[np.floating], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order of users [user] of which every beginning is spread evenly over groups and power thirds.

    Groups, which have a label each [user], take turns, and among the users of a group its power strata do;
    chance decides the rest. Also returns each user's turn within its group, in that order [user].
    """
    shuffled = np.random.default_rng(seed).permutation(len(power))
    _, group = np.unique(labels[shuffled], return_inverse=True)
    third = np.argsort(np.argsort(power[shuffled])) * POWER_STRATA // len(power)
    in_cell = _rank_within(group * POWER_STRATA + third, np.arange(len(power)))
    in_group = _rank_within(group, np.lexsort((third, in_cell)).argsort())
    order = np.argsort(in_group, kind="stable")
    return shuffled[order], in_group[order]


def balanced_levels(turns: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    """Level of SNR of each user: all levels within every group, and not the same one for the same power."""
    return (turns // POWER_STRATA + turns % POWER_STRATA) % levels


def _rank_within(group: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the same group come earlier in `order`: int64 [item]."""
    by_group = np.lexsort((order, group))
    sorted_group = group[by_group]
    first = np.searchsorted(sorted_group, sorted_group)
    rank = np.empty_like(by_group)
    rank[by_group] = np.arange(len(group)) - first
    return rank
