"""The fastest target that holds the goals: measured, never assumed of INT8."""

from __future__ import annotations

from collections.abc import Sequence

from edgecsi.errors import EdgeCsiError
from edgecsi.pipeline import work
from edgecsi.pipeline.plan import Plan
from edgecsi.pipeline.results import TargetResult
from edgecsi.pipeline.timing import TargetTiming
from edgecsi.progress import say


def time_engines(plan: Plan) -> list[TargetTiming]:
    """Time the engines of a run in turns, where it asks for INT8. Called when its targets are built.

    Engines that failed are left out; those that are only there to be compared with are built first.
    """
    for name, stage in plan.timed.items():
        if name not in plan.engines:
            try:
                plan.cache.get(stage)
            except EdgeCsiError as error:
                say(f"{name} is not timed: {error}")
    built = {name: stage for name, stage in plan.timed.items() if plan.cache.holds(stage)}
    if not built:
        return []
    folder = plan.cache.get(plan.timing(built))
    return [TargetTiming(**values) for values in work.read_json(folder / work.TIMING)]


def fastest(results: Sequence[TargetResult], timings: Sequence[TargetTiming]) -> str | None:
    """The fastest of the targets that were asked for and hold their goals; None where none was timed."""
    good = {result.target for result in results if result.proof and result.proof.goals_met}
    timed = [timing for timing in timings if timing.target in good]
    return min(timed, key=lambda timing: timing.p50_ms).target if timed else None
