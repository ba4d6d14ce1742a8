"""Timing bundles from Python, as `edgecsi latency-report` does.

import edgecsi

report = edgecsi.latency_report(["build/ort-fp32.edgecsi"], extent="quick", users=(1, 8), threads=(1,))
for run in report.subjects[0].cells[0].runs:
    print(run.mode, run.timing.percentiles_us, [v.budget for v in run.verdicts if v.outcome == "pass"])
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.budgets import BUDGETS, Budget
from edgecsi.latency.plan import Extent, make_plan
from edgecsi.latency.report_schema import LatencyReport, Mode
from edgecsi.latency.session import Progress, run_session, silent
from edgecsi.latency.timed_subjects import BundleSubject, Measurable, NetworkSubject

PathLike = str | os.PathLike[str]


def latency_report(
    bundles: Sequence[PathLike],
    *,
    networks: Sequence[PathLike] = (),
    extent: Extent = "default",
    users: Sequence[int] = (),
    threads: Sequence[int] = (),
    cpus: Sequence[int] = (),
    modes: Sequence[Mode] = (),
    calls: int | None = None,
    period: str | None = None,
    realtime: bool = False,
    seed: int = 0,
    budgets: Sequence[Budget] = BUDGETS,
    baseline: str | None = None,
    progress: Progress = silent,
) -> LatencyReport:
    """Time bundles on this machine and judge them against radio timing budgets.

    Every bundle runs in a process of its own, and bundles take turns. One that can't run here gets a reason
    instead of numbers. Nothing is written; `report.model_dump_json()` is what `--json` writes.

    Args:
        bundles: folders of bundles.
        networks: PyTorch model folders to time beside them; they are compared, not judged.
        extent: how much to measure. "quick": all CPUs, back-to-back, at most 20 s a run. "default": 1 and 8
            users; one thread, one pinned thread and all CPUs; back-to-back, paced, and paced beside a
            stressed neighbour. "full": the whole grid, up to 32 users: hours.
        users: users per call, in place of the extent's.
        threads: engine threads, in place of the extent's.
        cpus: pin every measuring process to these CPUs.
        modes: back-to-back and only these.
        calls: calls per run, however long they take; None: the extent's, up to a time.
        period: of paced arrivals, a budget's name as "cqi-period-4" or "cqi-period-4@30" (subcarrier spacing
            in kHz); None: the shortest CQI period that leaves the engine room.
        realtime: ask for SCHED_FIFO and locked memory.
        seed: of the inputs.
        budgets: the deadlines; :func:`edgecsi.latency.budget_file.load_budgets` adds those of a YAML file.
        baseline: name of the subject that the others are compared with; None: the first that runs.
        progress: called with (what, steps done, steps in all).

    Raises:
        EdgeCsiError: nothing to time, or a CPU, period or baseline that isn't there.
        BundleError: a bundle that is damaged or of another schema.
        ModelError: a folder without a model.
    """
    subjects: list[Measurable] = [
        *(BundleSubject(Path(path)) for path in bundles),
        *(NetworkSubject(Path(path)) for path in networks),
    ]
    if not subjects:
        raise EdgeCsiError("nothing to time: give at least one bundle or model folder")
    plan = make_plan(
        extent,
        users=users,
        threads=threads,
        cpus=cpus,
        modes=modes,
        calls=calls,
        period=period,
        realtime=realtime,
        seed=seed,
    )
    return run_session(subjects, plan, budgets=budgets, baseline=baseline, progress=progress)
