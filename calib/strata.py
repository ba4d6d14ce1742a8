"""Drawing users evenly over speed and power."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecsi.metrics.nmse import speed_label

POWER_STRATA = 3


def stratified_order(
    speed_kmh: NDArray[np.floating], power: NDArray[np.floating], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order of users [user] of which every beginning is spread evenly over speed rows and power thirds.

    Speeds take turns, and among the users of a speed its power strata do; chance decides the rest. Also
    returns each user's turn within its speed, in that order [user].
    """
    shuffled = np.random.default_rng(seed).permutation(len(power))
    speed = np.array([int(speed_label(value)) for value in speed_kmh])[shuffled]
    third = np.argsort(np.argsort(power[shuffled])) * POWER_STRATA // len(power)
    in_cell = _rank_within(speed * POWER_STRATA + third, np.arange(len(power)))
    in_speed = _rank_within(speed, np.lexsort((third, in_cell)).argsort())
    order = np.argsort(in_speed, kind="stable")
    return shuffled[order], in_speed[order]


def balanced_levels(turns: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    """Level of SNR of each user: all levels within every speed, and not the same one for the same power."""
    return (turns // POWER_STRATA + turns % POWER_STRATA) % levels


def _rank_within(group: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the same group come earlier in `order`: int64 [item]."""
    by_group = np.lexsort((order, group))
    sorted_group = group[by_group]
    first = np.searchsorted(sorted_group, sorted_group)
    rank = np.empty_like(by_group)
    rank[by_group] = np.arange(len(group)) - first
    return rank
