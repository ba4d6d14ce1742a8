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
from edgecsi.latency.results import Outcome, Verdict

SLOT_SHARE = 0.25
NOT_TUNED = "not RT-tuned: p99.9 and beyond belong to the host"


def queued(service: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """Latencies from the scheduled moment when calls of these service times [n] arrive every `period`.

    Lindley's recursion, wait[i+1] = max(0, wait[i] + service[i] - period), in closed form.
    """
    backlog = np.concatenate([[0.0], np.cumsum(service - period)[:-1]])
    return service + backlog - np.minimum(np.minimum.accumulate(backlog), 0.0)


def judge(budget: Budget, scs_khz: int, service_us: NDArray[np.float64], rt_tuned: bool) -> Verdict:
    """Verdict on service times [n] in microseconds for one budget at one subcarrier spacing."""
    if budget.path == "slot":
        return _judge_slot(budget, scs_khz, service_us, rt_tuned)
    limit = budget.limit_us[scs_khz]
    latency = service_us
    if budget.path == "report":
        if float(np.mean(service_us)) >= limit:
            return _verdict(budget, scs_khz, limit, "p99.9", service_us, "cannot sustain")
        latency = queued(service_us, limit)
    outcome = _outcome(latency, limit, percentiles.PERCENTILES["p99.9"])
    return _verdict(budget, scs_khz, limit, "p99.9", latency, outcome)


def _judge_slot(budget: Budget, scs_khz: int, service_us: NDArray[np.float64], rt_tuned: bool) -> Verdict:
    """A host without real-time rights can show that an engine is too slow, never that it is safe."""
    limit = SLOT_SHARE * budget.limit_us[scs_khz]
    if rt_tuned:
        outcome = _outcome(service_us, limit, percentiles.PERCENTILES["p99.999"])
        outcome = "fail" if np.any(service_us > limit) else outcome
        return _verdict(budget, scs_khz, limit, "p99.999", service_us, outcome)
    outcome = _outcome(service_us, limit, percentiles.PERCENTILES["p99.9"])
    outcome = "undecided" if outcome == "pass" else outcome
    return _verdict(budget, scs_khz, limit, "p99.9", service_us, outcome, NOT_TUNED)


def _outcome(latency: NDArray[np.float64], limit: float, p: float) -> Outcome:
    misses, n = int(np.count_nonzero(latency > limit)), len(latency)
    if percentiles.passes(misses, n, p):
        return "pass"
    return "fail" if percentiles.fails(misses, n, p) else "undecided"


def _verdict(
    budget: Budget,
    scs_khz: int,
    limit: float,
    judged: str,
    latency: NDArray[np.float64],
    outcome: Outcome,
    note: str = "",
) -> Verdict:
    """The margin is taken at the highest percentile, up to the judged one, that the count supports."""
    n = len(latency)
    ordered = np.sort(latency)
    supported = [
        (name, percentiles.bound(ordered, p))
        for name, p in percentiles.PERCENTILES.items()
        if p <= percentiles.PERCENTILES[judged] and percentiles.rank(n, p)
    ]
    name, value = supported[-1] if supported else (None, None)
    needed = percentiles.minimum_calls(percentiles.PERCENTILES[judged])
    if outcome == "undecided" and n < needed:
        note = f"{n} of {needed} calls; {note}".strip("; ")
    return Verdict(
        budget=budget.name,
        scs_khz=scs_khz,
        limit_us=limit,
        judged=judged,
        outcome=outcome,
        margin_us=None if value is None else limit - value,
        margin_at=name,
        misses=int(np.count_nonzero(latency > limit)),
        note=note,
    )
