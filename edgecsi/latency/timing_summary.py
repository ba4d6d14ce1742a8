"""From times to the numbers of a report: percentiles, distribution, verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecsi.latency import percentiles, verdicts
from edgecsi.latency.budgets import Budget
from edgecsi.latency.report_schema import Mode, Run, Timing, Verdict

CDF_POINTS = 101
TAIL_POINTS = 30  # the slowest calls, each on its own
BINS = 48


def timing(latency_us: NDArray[np.float64]) -> Timing:
    """Percentiles of latencies [n]."""
    ordered, n = np.sort(latency_us), len(latency_us)
    every = percentiles.PERCENTILES
    bounds = {name: percentiles.bound(ordered, p) for name, p in every.items()}
    supported = {name: bound for name, bound in bounds.items() if bound is not None}
    return Timing(
        calls=n,
        mean_us=float(latency_us.mean()),
        min_us=float(ordered[0]),
        max_us=float(ordered[-1]),
        percentiles_us=supported,
        observed_us={name: float(ordered[int(np.ceil(every[name] * n)) - 1]) for name in supported},
        refused={name: percentiles.minimum_calls(p) for name, p in every.items() if name not in supported},
    )


def run(
    mode: Mode,
    latency_us: NDArray[np.float64],
    service_us: NDArray[np.float64],
    budgets: Sequence[Budget],
    *,
    seconds: float,
    rt_tuned: bool,
    period_us: float | None = None,
    neighbour_cpu: int | None = None,
) -> Run:
    """One run of a report from its latencies [n] and service times [n], the same when back-to-back."""
    counts, edges = histogram(latency_us)
    return Run(
        mode=mode,
        period_us=period_us,
        neighbour_cpu=neighbour_cpu,
        seconds=seconds,
        timing=timing(latency_us),
        cdf=cdf(latency_us),
        histogram_edges_us=edges,
        histogram_counts=counts,
        verdicts=judge_all(budgets, latency_us, service_us, rt_tuned),
    )


def judge_all(
    budgets: Sequence[Budget],
    latency_us: NDArray[np.float64],
    service_us: NDArray[np.float64],
    rt_tuned: bool,
) -> list[Verdict]:
    """Every budget at every subcarrier spacing that it has."""
    return [
        verdicts.judge(budget, scs, latency_us, service_us, rt_tuned)
        for budget in budgets
        for scs in budget.limit_us
    ]


def cdf(latency_us: NDArray[np.float64]) -> list[tuple[float, float]]:
    """(latency, share of calls at or below it) at even shares, and every one of the slowest calls."""
    ordered, n = np.sort(latency_us), len(latency_us)
    even = np.linspace(0, n - 1, min(n, CDF_POINTS)).astype(int)
    chosen = np.union1d(even, np.arange(max(0, n - TAIL_POINTS), n))
    return [(float(ordered[i]), (int(i) + 1) / n) for i in chosen]


def histogram(latency_us: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """Counts [BINS] in bins of equal ratio, and their edges [BINS + 1]."""
    low, high = max(float(latency_us.min()), 1e-3), max(float(latency_us.max()), 1e-3) * 1.001
    edges = np.geomspace(low * 0.999, high, BINS + 1)
    counts, _ = np.histogram(np.maximum(latency_us, low), edges)
    return counts.tolist(), edges.tolist()
