"""What the terminal tables and the HTML page of a latency report share."""

from __future__ import annotations

from collections.abc import Iterator

from edgecsi.latency.budgets import HORIZON
from edgecsi.latency.report_schema import Cell, LatencyReport, Outcome, Subject

LOADGEN_CALLS, LOADGEN_SECONDS = 1000, 10
HEADLINE = ("slot", "cqi-period-4", "cqi-period-5", "cqi-period-8", "cqi-period-10", HORIZON)
MARKS: dict[Outcome, str] = {
    "pass": "\u2713",
    "fail": "\u2717",
    "cannot sustain": "\u2717\u2717",
    "undecided": "?",
}
LEGEND = (
    "\u2713 pass, \u2717 fail, \u2717\u2717 cannot sustain the period, ? undecided: more calls are needed. "
    "The margin is the limit (slot: a quarter of it) minus p99.9, or minus the highest percentile that the "
    "calls support."
)


def cells(report: LatencyReport) -> Iterator[tuple[Subject, Cell]]:
    """Every setting of every subject."""
    for subject in report.subjects:
        for cell in subject.cells:
            yield subject, cell


def reasons(report: LatencyReport) -> Iterator[str]:
    """Why something has no numbers, a line each."""
    for subject in report.subjects:
        if subject.reason:
            yield f"{subject.name} did not run: {subject.reason}"
        for reason in dict.fromkeys(cell.reason for cell in subject.cells if cell.reason):
            settings = [cell.setting.words for cell in subject.cells if cell.reason == reason]
            yield f"{subject.name}: {reason} ({'; '.join(settings)})"


def network_words(subject: Subject) -> str | None:
    """What the engine was built from, in one line; None where the report doesn't say."""
    parts = [subject.network]
    parts.append(f"{subject.parameters:,} parameters" if subject.parameters else None)
    parts.append(subject.radio.words if subject.radio else None)
    return ", ".join(filter(None, parts)) or None


def warnings(report: LatencyReport) -> Iterator[str]:
    """What whoever uses a bundle should know, a line each."""
    for subject in report.subjects:
        yield from (f"{subject.name}: warning: {warning}" for warning in subject.warnings)


def short_runs(report: LatencyReport) -> str | None:
    """Which runs fall short of LoadGen's minimum, in one line; None when none does."""
    short = dict.fromkeys(
        f"{subject.name} ({cell.setting.words}, {run.mode}: {run.timing.calls} calls in {run.seconds:.0f} s)"
        for subject, cell in cells(report)
        for run in cell.runs
        if run.timing.calls < LOADGEN_CALLS or run.seconds < LOADGEN_SECONDS
    )
    minimum = f"LoadGen's minimum of {LOADGEN_CALLS} calls and {LOADGEN_SECONDS} s"
    return f"below {minimum}: {', '.join(short)}" if short else None


def rt_missing(report: LatencyReport) -> list[str]:
    """What the measuring processes lacked to be RT-tuned."""
    return list(dict.fromkeys(what for _, cell in cells(report) for what in cell.rt_missing))


def spacings(report: LatencyReport) -> list[int]:
    """Subcarrier spacings in kHz that any budget has."""
    return sorted({scs for budget in report.budgets for scs in budget.limit_us})


def ms(us: float | None) -> str:
    """Microseconds as milliseconds; '-' for none."""
    return "-" if us is None else f"{us / 1e3:.2f}"
