"""Ratios of latencies with intervals, from engines that took turns on the same machine.

Every round of an interleaved run times all engines within a second or so, so that a drift of the machine
hits all alike. The log ratio of medians is taken per process start (memory layout differs between starts,
so calls of one start are not independent), or per round where there are fewer than three starts, and its
mean gets a 95 % Student-t interval over those samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecsi.latency.report_schema import Comparison, Setting

# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom.
T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145)
T95_MANY = 2.131  # 15 degrees of freedom; at most 9 % wide for more
MIN_SAMPLES = 3  # two would give an interval of many decades

Rounds = Sequence[Sequence[NDArray[np.float64]]]  # [start][round] -> times


def compare(
    subject: str, baseline: str, setting: Setting, times: Rounds, reference: Rounds, p: float, name: str
) -> Comparison:
    """Ratio of percentile p of `times` to that of `reference`."""
    by_start = len(times) >= MIN_SAMPLES
    if by_start:
        pairs = [(np.concatenate(a), np.concatenate(b)) for a, b in zip(times, reference, strict=True)]
    else:
        pairs = [pair for a, b in zip(times, reference, strict=True) for pair in zip(a, b, strict=False)]
    logs = np.array([np.log(np.quantile(a, p) / np.quantile(b, p)) for a, b in pairs])
    low = high = None
    if len(logs) >= MIN_SAMPLES:
        half = student_t(len(logs) - 1) * float(logs.std(ddof=1)) / np.sqrt(len(logs))
        low, high = float(np.exp(logs.mean() - half)), float(np.exp(logs.mean() + half))
    return Comparison(
        subject=subject,
        baseline=baseline,
        setting=setting,
        percentile=name,
        ratio=float(np.exp(logs.mean())),
        low=low,
        high=high,
        samples=len(logs),
        sampled="process starts" if by_start else "rounds",
    )


def student_t(freedom: int) -> float:
    """Two-sided 95 % quantile."""
    return T95[freedom - 1] if freedom <= len(T95) else T95_MANY
