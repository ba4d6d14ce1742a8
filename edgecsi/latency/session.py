"""A whole measurement: every subject at every setting, engines taking turns so that drift hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from itertools import count

from edgecsi.errors import EdgeCsiError, UnavailableError
from edgecsi.latency import comparison, environment, timing_summary
from edgecsi.latency.budgets import BUDGETS, Budget, find_budget
from edgecsi.latency.capacity import capacities
from edgecsi.latency.cell_measurement import CellMeasurement
from edgecsi.latency.percentiles import PERCENTILES, minimum_calls
from edgecsi.latency.report_schema import Comparison, Floor, LatencyReport, Mode, Plan, Setting, Subject
from edgecsi.latency.timed_subjects import Empty, Measurable
from edgecsi.latency.worker import Job, Worker
from edgecsi.radio import RadioSetting, differences
from edgecsi.users import Users

COMPARED = ("p50", "p90")
FLOOR_SECONDS = 0.5

Progress = Callable[[str, int, int], None]  # what, steps done, steps in all


def silent(what: str, done: int, total: int) -> None:
    """No progress is shown."""


def run_session(
    subjects: Sequence[Measurable],
    plan: Plan,
    *,
    budgets: Sequence[Budget] = BUDGETS,
    baseline: str | None = None,
    progress: Progress = silent,
) -> LatencyReport:
    """Measure all subjects; one that can't run gets a reason instead of numbers.

    `baseline` names the subject that the others are compared with, by default the first that ran. Raises
    EdgeCsiError for an unknown baseline or period, BundleError for a damaged bundle.
    """
    rows = [subject.describe() for subject in subjects]
    _name_apart(rows)
    if baseline is not None and baseline not in [row.name for row in rows]:
        raise EdgeCsiError(f"baseline {baseline!r} is not measured; choose {', '.join(r.name for r in rows)}")
    if plan.period is not None:
        find_budget(plan.period, budgets)
    runnable = [(row, subject) for row, subject in zip(rows, subjects, strict=True) if row.reason is None]
    golden = _golden_users(rows, subjects)
    machine = environment.look()
    report = LatencyReport(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        plan=plan,
        environment=machine,
        budgets=list(budgets),
        floors=[],
        subjects=rows,
        comparisons=[],
        capacities=[],
    )
    bundles = sum(row.kind == "bundle" for row, _ in runnable)
    steps = len(plan.settings) * (plan.starts + len(_paced_modes(plan)) * bundles)
    done = count()
    for setting in plan.settings if runnable else ():
        report.floors.append(_floor(setting, plan))
        measurements = []
        for row, subject in runnable:
            job = Job(subject, setting, plan.seed, _fitting(row, golden), plan.realtime)
            measurements.append(CellMeasurement(row, job, plan, machine, budgets))

        def say(what: str, at: str = setting.words) -> None:
            progress(f"{at}: {what}", next(done), steps)

        _measure(measurements, plan, say)
        for one in measurements:
            one.row.cells.append(one.cell)
        report.comparisons.extend(_compare(measurements, setting, baseline))
    report.capacities = [entry for row in rows if row.kind == "bundle" for entry in capacities(row)]
    return report


def _measure(measurements: Sequence[CellMeasurement], plan: Plan, say: Callable[[str], None]) -> None:
    """Back-to-back in turns, start after start; then each subject alone in the paced modes."""
    for start in range(plan.starts):
        say(f"back-to-back, start {start + 1} of {plan.starts}")
        _take_turns([(one, one.back_to_back()) for one in measurements if one.cell.reason is None])
    for one in measurements:
        if one.cell.reason is None:
            one.summarise()
    for mode in _paced_modes(plan):
        for one in filter(_is_candidate, measurements):
            say(f"{mode}, {one.row.name}")
            if one.cell.reason is None:
                _take_turns([(one, one.paced(mode))])


def _paced_modes(plan: Plan) -> list[Mode]:
    return [mode for mode in plan.modes if mode != "back-to-back"]


def _is_candidate(one: CellMeasurement) -> bool:
    """A network is a comparison: it isn't paced."""
    return one.row.kind == "bundle"


def _take_turns(pairs: Sequence[tuple[CellMeasurement, Iterator[None]]]) -> None:
    """Step all iterators in turns until each has ended; a failure ends one and becomes its cell's reason."""
    waiting = list(pairs)
    while waiting:
        one, turns = waiting.pop(0)
        try:
            next(turns)
            waiting.append((one, turns))
        except StopIteration:
            continue
        except UnavailableError as error:
            one.cell.reason = str(error)


def _floor(setting: Setting, plan: Plan) -> Floor:
    """Our own cost and the host's noise, in a process of its own at the same setting."""
    with Worker(Job(Empty(), setting, plan.seed, None, plan.realtime)) as worker:
        worker.wait_ready()
        times = worker.back_to_back(FLOOR_SECONDS)
        longest, lost = worker.gaps()
    timing = timing_summary.timing(times / 1e3)
    return Floor(setting=setting, timing=timing, longest_gap_us=longest, lost_share=lost)


def _compare(
    measurements: Sequence[CellMeasurement], setting: Setting, baseline: str | None
) -> list[Comparison]:
    done = {one.row.name: one.rounds for one in measurements if one.cell.reason is None}
    reference = baseline or next(iter(done), None)
    if reference not in done:
        return []
    return [
        comparison.compare(name, reference, setting, rounds, done[reference], PERCENTILES[p], p)
        for name, rounds in done.items()
        if name != reference
        for p in COMPARED
        if min(map(_calls, (rounds, done[reference]))) >= minimum_calls(PERCENTILES[p])
    ]


def _calls(rounds: comparison.Rounds) -> int:
    return sum(len(times) for start in rounds for times in start)


def _golden_users(
    rows: Sequence[Subject], subjects: Sequence[Measurable]
) -> list[tuple[str, RadioSetting, Users]]:
    """(task, radio setting, users) of the first subject of each kind that brings some."""
    found: list[tuple[str, RadioSetting, Users]] = []
    for row, subject in zip(rows, subjects, strict=True):
        if row.task is not None and row.radio is not None and _fitting(row, found) is None:
            users = subject.golden()
            if users is not None:
                found.append((row.task, row.radio, users))
    return found


def _fitting(row: Subject, golden: Sequence[tuple[str, RadioSetting, Users]]) -> Users | None:
    """The golden users of a subject's task and radio setting, the same for all such subjects."""
    for task, radio, users in golden:
        if row.task == task and row.radio is not None and not differences(row.radio, radio):
            return users
    return None


def _name_apart(rows: Sequence[Subject]) -> None:
    """Number the second and later subjects of a name."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row.name] = seen.get(row.name, 0) + 1
        if seen[row.name] > 1:
            row.name = f"{row.name} ({seen[row.name]})"
