"""Percentiles that a count of calls can support, with a 99 % bound.

MLPerf LoadGen's early-stopping rule: of n calls, the t-th slowest is an upper bound of the percentile
p with 99 % confidence, where t is the largest with P[Bin(n, 1-p) <= t] <= 0.01. Where there is no such
t >= 1 the count can't support the percentile and none is given: p50 needs 11 calls, p90 64, p99 662,
p99.9 6636, p99.999 about 664,000.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.01  # one minus the confidence
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.999": 0.99999}


def binomial_cdf(n: int, q: float, upto: int) -> NDArray[np.float64]:
    """P[Bin(n, q) <= k] for k = 0..upto, float64 [upto + 1]."""
    k = np.arange(1, upto + 1)
    steps = np.log((n - k + 1) / k) + np.log(q / (1 - q))
    log_pmf = n * np.log1p(-q) + np.concatenate([[0.0], np.cumsum(steps)])
    return np.cumsum(np.exp(log_pmf)).clip(max=1.0)


@lru_cache(maxsize=4096)
def rank(n: int, p: float) -> int | None:
    """The t such that the t-th slowest of n calls bounds percentile p; None when n is too small."""
    q = 1 - p
    upto = min(n, int(n * q) + 1)  # the 1 % quantile of Bin(n, q) lies below its mean
    t = int(np.searchsorted(binomial_cdf(n, q, upto), ALPHA, side="right")) - 1
    return t if t >= 1 else None


@lru_cache(maxsize=64)
def minimum_calls(p: float) -> int:
    """The smallest n that supports percentile p."""
    low, high = 1, 2
    while rank(high, p) is None:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rank(middle, p) is not None else (middle, high)
    return high


def bound(sorted_times: NDArray[np.float64], p: float) -> float | None:
    """Upper 99 % bound of percentile p of ascending times [n]; None when n can't support it."""
    t = rank(len(sorted_times), p)
    return None if t is None else float(sorted_times[-t])


def passes(misses: int, n: int, p: float) -> bool:
    """Whether `misses` late calls of n show, at 99 %, that at least a share p of calls is in time."""
    t = rank(n, p)
    return t is not None and misses < t


def fails(misses: int, n: int, p: float) -> bool:
    """Whether `misses` late calls of n show, at 99 %, that less than a share p of calls is in time."""
    if misses == 0:
        return False
    if misses > n * (1 - p) * 2 + 20:  # far beyond the 99 % quantile of Bin(n, 1-p)
        return True
    return 1 - float(binomial_cdf(n, 1 - p, misses - 1)[-1]) <= ALPHA


def miss_bound(misses: int, n: int) -> float | None:
    """95 % bound of the share of late calls when none of n was late (the rule of three, 3/n)."""
    return 3 / n if misses == 0 else None
