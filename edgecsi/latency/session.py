"""A whole measurement: every subject at every setting, engines interleaved so that drift hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import UnavailableError
from edgecsi.latency import percentiles, verdicts
from edgecsi.latency.budgets import BUDGETS, SLOT_US, Budget
from edgecsi.latency.environment import Environment, environment
from edgecsi.latency.results import Cell, LatencyReport, Run, Subject
from edgecsi.latency.subjects import Measurable, NetworkSubject
from edgecsi.latency.worker import Setting, Worker


@dataclass(frozen=True)
class Stop:
    """When a run is long enough: both minima hold, or the time is up."""

    calls: int = 1000
    seconds: float = 10.0
    at_most_seconds: float = 600.0

    def reached(self, calls: int, seconds: float) -> bool:
        """Whether `calls` calls in `seconds` seconds are enough."""
        return (calls >= self.calls and seconds >= self.seconds) or seconds >= self.at_most_seconds


# A network in eager mode is a comparison, not a candidate: it gets no more than the minimum time.
NETWORK_STOP = Stop(at_most_seconds=10.0)


def run_session(
    subjects: Sequence[Measurable],
    settings: Sequence[Setting],
    *,
    seed: int = 0,
    stop: Stop = Stop(),
    progress: Callable[[str], None] = lambda line: None,
) -> LatencyReport:
    """Measure all subjects; one that can't run gets a reason instead of numbers."""
    machine = environment()
    rows = [subject.describe() for subject in subjects]
    runnable = [(row, subject) for row, subject in zip(rows, subjects, strict=True) if row.reason is None]
    for setting in settings:
        progress(f"{setting.users} user(s), {setting.threads} thread(s)")
        _measure_setting(runnable, setting, seed, stop, machine)
    return LatencyReport(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seed=seed,
        environment=machine,
        budgets=list(BUDGETS),
        subjects=rows,
    )


def _measure_setting(
    runnable: Sequence[tuple[Subject, Measurable]],
    setting: Setting,
    seed: int,
    stop: Stop,
    machine: Environment,
) -> None:
    """Start the subjects one after the other, then let them take turns until each has enough calls."""
    with ExitStack() as stack:
        turns = []
        for row, subject in runnable:
            cell = Cell(users=setting.users, threads=setting.threads)
            row.cells.append(cell)
            worker = stack.enter_context(Worker(subject, setting, seed))
            try:
                ready = worker.wait_ready()
            except UnavailableError as error:
                cell.reason = str(error)
                continue
            cell.load_ms, cell.first_call_ms = ready.load_ms, ready.first_call_ms
            cell.warm_up_calls = ready.warm_up_calls
            limit = NETWORK_STOP if isinstance(subject, NetworkSubject) else stop
            turns.append(_Turn(row, cell, worker, limit))
        waiting = list(turns)
        while waiting:
            waiting = [turn for turn in waiting if turn.take()]
        for turn in turns:
            if turn.cell.reason is None:
                turn.cell.runs.append(summarise(turn.service_us(), turn.row, machine))


class _Turn:
    """One subject's share of an interleaved run."""

    def __init__(self, row: Subject, cell: Cell, worker: Worker, stop: Stop) -> None:
        self.row, self.cell = row, cell
        self._worker, self._stop = worker, stop
        self._passes: list[NDArray[np.int64]] = []
        self._calls, self._seconds = 0, 0.0

    def take(self) -> bool:
        """Passes for a quarter of a second; returns whether more are wanted."""
        end = time.monotonic() + 0.25
        while time.monotonic() < end:
            try:
                times = self._worker.back_to_back()
            except UnavailableError as error:
                self.cell.reason = str(error)
                return False
            self._passes.append(times)
            self._calls += len(times)
            self._seconds += times.sum() / 1e9
        return not self._stop.reached(self._calls, self._seconds)

    def service_us(self) -> NDArray[np.float64]:
        """All times in the order they were taken, in microseconds."""
        return np.concatenate(self._passes) / 1e3


def summarise(service_us: NDArray[np.float64], row: Subject, machine: Environment) -> Run:
    """Percentiles and verdicts of the service times [n] of one back-to-back run."""
    ordered, n = np.sort(service_us), len(service_us)
    bounds = {name: percentiles.bound(ordered, p) for name, p in percentiles.PERCENTILES.items()}
    return Run(
        mode="back-to-back",
        calls=n,
        seconds=float(service_us.sum() / 1e6),
        mean_us=float(service_us.mean()),
        min_us=float(ordered[0]),
        max_us=float(ordered[-1]),
        percentiles_us={name: value for name, value in bounds.items() if value is not None},
        refused={
            name: percentiles.minimum_calls(percentiles.PERCENTILES[name])
            for name, value in bounds.items()
            if value is None
        },
        verdicts=[
            verdicts.judge(budget, scs, service_us, machine.rt_tuned)
            for budget in (*BUDGETS, *horizon_budget(row))
            for scs in SLOT_US
        ],
    )


def horizon_budget(row: Subject) -> list[Budget]:
    """A prediction that arrives after the moment it predicts is useless: the horizon is a deadline too."""
    if row.horizon_ms is None:
        return []
    limits = dict.fromkeys(SLOT_US, row.horizon_ms * 1000.0)
    return [Budget(name="prediction-horizon", path="loop", limit_us=limits, source="the bundle's manifest")]
