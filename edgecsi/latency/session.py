"""A whole measurement: every subject at every setting, engines taking turns so that drift hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from itertools import count

from edgecsi.errors import EdgeCsiError, UnavailableError
from edgecsi.latency import comparison, environment, summary
from edgecsi.latency.budgets import BUDGETS, Budget, find_budget
from edgecsi.latency.capacity import capacities
from edgecsi.latency.percentiles import PERCENTILES, minimum_calls
from edgecsi.latency.results import Comparison, Floor, LatencyReport, Mode, Plan, Setting, Subject
from edgecsi.latency.subjects import Empty, Measurable
from edgecsi.latency.track import Track
from edgecsi.latency.worker import Job, Worker

COMPARED = ("p50", "p90")
FLOOR_SECONDS = 0.5

Progress = Callable[[str, int, int], None]  # what, steps done, steps in all


def run_session(
    subjects: Sequence[Measurable],
    plan: Plan,
    *,
    budgets: Sequence[Budget] = BUDGETS,
    baseline: str | None = None,
    progress: Progress = lambda what, done, total: None,
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
    golden = next(filter(None, (subject.golden() for subject in subjects)), None)
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
        tracks = [
            Track(row, Job(subject, setting, plan.seed, golden, plan.realtime), plan, machine, budgets)
            for row, subject in runnable
        ]
        _measure(tracks, plan, lambda what, at=setting: progress(f"{at.words}: {what}", next(done), steps))
        for track in tracks:
            track.row.cells.append(track.cell)
        report.comparisons.extend(_compare(tracks, setting, baseline))
    report.capacities = [entry for row in rows if row.kind == "bundle" for entry in capacities(row)]
    return report


def _measure(tracks: Sequence[Track], plan: Plan, say: Callable[[str], None]) -> None:
    """Back-to-back in turns, start after start; then each subject alone in the paced modes."""
    for start in range(plan.starts):
        say(f"back-to-back, start {start + 1} of {plan.starts}")
        _take_turns([(track, track.back_to_back()) for track in tracks if track.cell.reason is None])
    for track in tracks:
        if track.cell.reason is None:
            track.summarise()
    for mode in _paced_modes(plan):
        for track in filter(_is_candidate, tracks):
            say(f"{mode}, {track.row.name}")
            if track.cell.reason is None:
                _take_turns([(track, track.paced(mode))])


def _paced_modes(plan: Plan) -> list[Mode]:
    return [mode for mode in plan.modes if mode != "back-to-back"]


def _is_candidate(track: Track) -> bool:
    """A network is a comparison: it isn't paced."""
    return track.row.kind == "bundle"


def _take_turns(pairs: Sequence[tuple[Track, Iterator[None]]]) -> None:
    """Step all iterators in turns until each has ended; a failure ends one and becomes its cell's reason."""
    waiting = list(pairs)
    while waiting:
        track, turns = waiting.pop(0)
        try:
            next(turns)
            waiting.append((track, turns))
        except StopIteration:
            continue
        except UnavailableError as error:
            track.cell.reason = str(error)


def _floor(setting: Setting, plan: Plan) -> Floor:
    """Our own cost and the host's noise, in a process of its own at the same setting."""
    with Worker(Job(Empty(), setting, plan.seed, None, plan.realtime)) as worker:
        worker.wait_ready()
        times = worker.back_to_back(FLOOR_SECONDS)
        longest, lost = worker.gaps()
    timing = summary.timing(times / 1e3)
    return Floor(setting=setting, timing=timing, longest_gap_us=longest, lost_share=lost)


def _compare(tracks: Sequence[Track], setting: Setting, baseline: str | None) -> list[Comparison]:
    done = {track.row.name: track.rounds for track in tracks if track.cell.reason is None}
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


def _name_apart(rows: Sequence[Subject]) -> None:
    """Number the second and later subjects of a name."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row.name] = seen.get(row.name, 0) + 1
        if seen[row.name] > 1:
            row.name = f"{row.name} ({seen[row.name]})"
