"""Times against a budget: pass, fail, undecided or cannot sustain, and by what margin.

slot path: p99.999 and the maximum against a share of the slot. Every other path: p99.9 against the limit;
a report path's limit is also the period at which calls arrive, so late calls delay the next ones.
Both directions are decided at 99 % confidence (see percentiles.py); anything in between is undecided.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecsi.latency import percentiles
from edgecsi.latency.budgets import Budget
from edgecsi.latency.environment import NOT_TUNED
from edgecsi.latency.report_schema import Outcome, Verdict

SLOT_SHARE = 0.25


def queued(service: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """Latencies from the scheduled moment when calls of these service times [n] arrive every `period`.

    Lindley's recursion, wait[i+1] = max(0, wait[i] + service[i] - period), in closed form.
    """
    backlog = np.concatenate([[0.0], np.cumsum(service - period)[:-1]])
    return service + backlog - np.minimum(np.minimum.accumulate(backlog), 0.0)


def judge(
    budget: Budget,
    scs_khz: int,
    latency_us: NDArray[np.float64],
    service_us: NDArray[np.float64],
    rt_tuned: bool,
) -> Verdict:
    """Verdict on latencies [n] and service times [n] for one budget at one subcarrier spacing."""
    limit = budget.limit_us[scs_khz]
    if budget.path == "slot":
        return _judge_slot(budget, scs_khz, SLOT_SHARE * limit, latency_us, rt_tuned)
    if budget.path == "report":
        if float(np.mean(service_us)) >= limit:
            return _verdict(budget, scs_khz, limit, "p99.9", service_us, "cannot sustain")
        latency_us = queued(service_us, limit)
    outcome = _outcome(latency_us, limit, "p99.9")
    return _verdict(budget, scs_khz, limit, "p99.9", latency_us, outcome)


def _judge_slot(
    budget: Budget, scs_khz: int, limit: float, latency_us: NDArray[np.float64], rt_tuned: bool
) -> Verdict:
    """A host that is not RT-tuned can show at p99.9 that an engine is too slow, never that it is safe."""
    if rt_tuned:
        late = bool(np.any(latency_us > limit))
        outcome = "fail" if late else _outcome(latency_us, limit, "p99.999")
        return _verdict(budget, scs_khz, limit, "p99.999", latency_us, outcome)
    outcome = _outcome(latency_us, limit, "p99.9")
    outcome = "undecided" if outcome == "pass" else outcome
    return _verdict(budget, scs_khz, limit, "p99.9", latency_us, outcome, NOT_TUNED)


def _outcome(latency_us: NDArray[np.float64], limit: float, percentile: str) -> Outcome:
    misses, n = int(np.count_nonzero(latency_us > limit)), len(latency_us)
    p = percentiles.PERCENTILES[percentile]
    if percentiles.passes(misses, n, p):
        return "pass"
    return "fail" if percentiles.fails(misses, n, p) else "undecided"


def _verdict(
    budget: Budget,
    scs_khz: int,
    limit: float,
    judged: str,
    latency_us: NDArray[np.float64],
    outcome: Outcome,
    note: str = "",
) -> Verdict:
    """The margin is taken at the highest percentile, up to the judged one, that the count supports."""
    n = len(latency_us)
    ordered = np.sort(latency_us)
    supported = [
        (name, percentiles.bound(ordered, p))
        for name, p in percentiles.PERCENTILES.items()
        if p <= percentiles.PERCENTILES[judged] and percentiles.rank(n, p)
    ]
    name, value = supported[-1] if supported else (None, None)
    needed = percentiles.minimum_calls(percentiles.PERCENTILES[judged])
    if outcome == "undecided" and n < needed:
        note = "; ".join(filter(None, [f"{n} of {needed} calls", note]))
    misses = int(np.count_nonzero(latency_us > limit))
    return Verdict(
        budget=budget.name,
        scs_khz=scs_khz,
        limit_us=limit,
        judged=judged,
        outcome=outcome,
        margin_us=None if value is None else limit - value,
        margin_at=name,
        misses=misses,
        miss_share_below=percentiles.miss_bound(misses, n),
        note=note,
    )
