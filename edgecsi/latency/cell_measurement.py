"""One subject at one setting, through its process starts and modes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from edgecsi.latency import timing_summary
from edgecsi.latency.budgets import DEFAULT_SCS, HORIZON, Budget, find_budget, same_at_every_scs
from edgecsi.latency.call_loops import effective_service
from edgecsi.latency.environment import Environment, rt_missing
from edgecsi.latency.neighbour import neighbour_cpu, stressed_neighbour
from edgecsi.latency.plan import back_to_back_stop, paced_stop
from edgecsi.latency.report_schema import Cell, Mode, Plan, Start, Subject
from edgecsi.latency.worker import Job, Ready, Worker

TURN_SECONDS = 0.25  # of back-to-back calls before it is the next subject's turn
STRETCH_SECONDS = 1.0  # of paced calls between two looks at whether they are enough
HEADROOM = 1.2  # of the default period over p99


class CellMeasurement:
    """Measures one subject at one setting and fills its cell.

    Measurements are iterators, so that several subjects can take turns; they raise UnavailableError with
    the reason when the engine fails.
    """

    def __init__(
        self, row: Subject, job: Job, plan: Plan, machine: Environment, budgets: Sequence[Budget]
    ) -> None:
        self.row = row
        self.cell = Cell(setting=job.setting)
        self.rounds: list[list[NDArray[np.float64]]] = []  # [start][round] -> service times in us
        self._job, self._plan, self._machine = job, plan, machine
        self._budgets = [*budgets, *_horizon(row)]

    def back_to_back(self) -> Iterator[None]:
        """One process start and its share of the calls; yields after every turn of a quarter of a second."""
        stop = back_to_back_stop(self._plan, self.row.kind)
        rounds: list[NDArray[np.float64]] = []
        with Worker(self._job) as worker:
            ready = worker.wait_ready()
            yield
            while not stop.reached(*_amount(rounds)):
                rounds.append(worker.back_to_back(TURN_SECONDS) / 1e3)
                yield
            if not self.rounds:
                self._note_process(ready)
                self.cell.outputs = worker.outputs()
                self.cell.gpu = worker.gpu_stages()
        self.rounds.append(rounds)
        self.cell.starts.append(
            Start(
                load_ms=ready.load_ms,
                first_call_ms=ready.first_call_ms,
                warm_up_calls=ready.warm_up_calls,
                p50_us=float(np.median(np.concatenate(rounds))),
            )
        )

    def summarise(self) -> None:
        """The back-to-back run of all starts."""
        service = self._service()
        self.cell.runs.append(
            timing_summary.run(
                "back-to-back",
                service,
                service,
                self._budgets,
                seconds=float(service.sum() / 1e6),
                rt_tuned=not self.cell.rt_missing,
            )
        )

    def paced(self, mode: Mode) -> Iterator[None]:
        """Calls at absolute moments, in a process start of their own; stressed: beside a busy neighbour."""
        service = self._service()
        period = self._period_us(service)
        stop, seconds = paced_stop(self._plan), 0.0
        stretches: list[NDArray[np.float64]] = []
        count = max(10, round(STRETCH_SECONDS * 1e6 / max(period, float(service.mean()))))
        cpu = neighbour_cpu(self._job.setting.cpus) if mode == "paced-stressed" else None
        with Worker(self._job) as worker:
            worker.wait_ready()
            with stressed_neighbour(cpu) if cpu is not None else nullcontext():
                while not stop.reached(len(stretches) * count, seconds):
                    stretches.append(worker.paced(round(period * 1e3), count) / 1e3)
                    seconds += (count * period + float(stretches[-1][-1])) / 1e6
                    yield
        self.cell.runs.append(
            timing_summary.run(
                mode,
                np.concatenate(stretches),
                np.concatenate([effective_service(stretch, period) for stretch in stretches]),
                self._budgets,
                seconds=seconds,
                rt_tuned=not self.cell.rt_missing,
                period_us=period,
                neighbour_cpu=cpu,
            )
        )

    def _note_process(self, ready: Ready) -> None:
        cell = self.cell
        cell.scheduler, cell.realtime = ready.scheduler, ready.realtime
        cell.memory_locked = ready.memory_locked
        cell.rt_missing = rt_missing(self._machine, ready.scheduler, ready.memory_locked, cell.setting.cpus)

    def _service(self) -> NDArray[np.float64]:
        return np.concatenate([times for start in self.rounds for times in start])

    def _period_us(self, service: NDArray[np.float64]) -> float:
        """The plan's period, or the shortest CQI period that leaves the engine some headroom."""
        if self._plan.period is not None:
            budget, scs = find_budget(self._plan.period, self._budgets)
            return budget.limit_us[scs]
        needed = HEADROOM * float(np.quantile(service, 0.99))
        periods = sorted(b.limit_us[DEFAULT_SCS] for b in self._budgets if b.name.startswith("cqi-period-"))
        return next((period for period in periods if period >= needed), periods[-1])


def _amount(rounds: Sequence[NDArray[np.float64]]) -> tuple[int, float]:
    """Calls, and seconds spent in them."""
    return sum(map(len, rounds)), sum(float(times.sum()) for times in rounds) / 1e6


def _horizon(row: Subject) -> list[Budget]:
    """A prediction that arrives after the moment it predicts is useless: the horizon is a deadline too."""
    if row.horizon_ms is None:
        return []
    return [same_at_every_scs(HORIZON, row.horizon_ms * 1e3, "the bundle's manifest")]
