"""A latency report as terminal tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.latency.capacity import users_that_fit
from edgecsi.latency.environment import NOT_TUNED
from edgecsi.latency.report_schema import Capacity, Cell, LatencyReport, Run, Subject, Verdict
from edgecsi.report.latency_facts import (
    HEADLINE,
    LEGEND,
    MARKS,
    cells,
    ms,
    network_words,
    reasons,
    rt_missing,
    short_runs,
    spacings,
    warnings,
)

PERCENTILES = ("p50", "p90", "p99", "p99.9")
COLOURS = {"pass": "green", "fail": "red", "cannot sustain": "red", "undecided": "yellow"}
LOG_WIDTH = 170  # of a file or a pipe, which has no width of its own
SHORT_MODES = {"back-to-back": "b2b", "paced": "paced", "paced-stressed": "stressed"}


def print_latency(report: LatencyReport, console: Console) -> None:
    """Latencies, margins to budgets, users that fit, ratios between subjects, and the machine."""
    if not console.is_terminal:
        console.width = max(console.width, LOG_WIDTH)
    console.print(_latencies(report))
    for subject in report.subjects:
        if words := network_words(subject):
            console.print(escape(f"{subject.name}: {words}"), soft_wrap=True, highlight=False)
    for line in (*warnings(report), *reasons(report)):
        console.print(f"[yellow]{escape(line)}[/]", soft_wrap=True, highlight=False)
    if any(True for _ in _candidates(report)):
        console.print(_margins(report))
        console.print(_capacity(report))
    if report.comparisons:
        console.print(_ratios(report))
    for line in filter(None, (short_runs(report), *_floors(report), *_machine(report))):
        console.print(escape(line), soft_wrap=True, highlight=False)
    if missing := rt_missing(report):
        console.print(f"[yellow]{NOT_TUNED}[/] (no {', no '.join(missing)})", soft_wrap=True)


def _latencies(report: LatencyReport) -> Table:
    table = Table(title="Latency in ms: 99 % upper bounds of percentiles; '-' needs more calls")
    for name in ("subject", "users", "place", "mode"):
        table.add_column(name, justify="right" if name == "users" else "left")
    columns = ("calls", *PERCENTILES, "max", "starts' p50", "load", "first call", "NMSE dB")
    for name in columns:
        table.add_column(name, justify="right")
    for subject, cell in cells(report):
        for run in cell.runs:
            table.add_row(*_setting(subject, cell, run), *_times(cell, run))
    return table


def _setting(subject: Subject, cell: Cell, run: Run) -> list[str]:
    mode = SHORT_MODES[run.mode]
    if run.period_us is not None:
        mode += f" {run.period_us / 1e3:g}"
    return [escape(subject.name), str(cell.setting.users), cell.setting.label, mode]


def _times(cell: Cell, run: Run) -> list[str]:
    times = run.timing
    row = [
        str(times.calls),
        *(ms(times.percentiles_us.get(name)) for name in PERCENTILES),
        ms(times.max_us),
    ]
    if run.mode != "back-to-back":
        return [*row, *[""] * 4]
    medians = [start.p50_us for start in cell.starts]
    nmse = cell.outputs and cell.outputs.nmse_golden_db
    return [
        *row,
        f"{ms(min(medians))}..{ms(max(medians))}" if len(medians) > 1 else "",
        f"{cell.starts[0].load_ms:.0f}",
        f"{cell.starts[0].first_call_ms:.1f}",
        "-" if nmse is None else f"{nmse:.2f}",
    ]


def _margins(report: LatencyReport) -> Table:
    table = Table(title="Margin to budgets in ms (slot: to a quarter of it)", show_lines=True)
    for name in ("subject", "users", "place", "mode", "kHz", *HEADLINE):
        table.add_column(name, justify="left" if name in ("subject", "place", "mode") else "right")
    khz = spacings(report)
    for subject, cell, run in _candidates(report):
        found = {(verdict.budget, verdict.scs_khz): verdict for verdict in run.verdicts}
        columns = ([_margin(found.get((name, scs))) for scs in khz] for name in HEADLINE)
        table.add_row(*_setting(subject, cell, run), *map("\n".join, [map(str, khz), *columns]))
    table.caption = LEGEND
    return table


def _margin(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    value = "" if verdict.margin_us is None else f"{verdict.margin_us / 1e3:+.2f}"
    return f"[{COLOURS[verdict.outcome]}]{MARKS[verdict.outcome]} {value}[/]"


def _capacity(report: LatencyReport) -> Table:
    khz = " / ".join(map(str, spacings(report)))
    table = Table(title=f"Users that fit at {khz} kHz, as far as measured")
    for name in ("subject", "place", "mode", *HEADLINE):
        table.add_column(name)
    rows: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for entry in report.capacities:
        key = (entry.subject, entry.place, SHORT_MODES[entry.mode])
        rows.setdefault(key, {}).setdefault(entry.budget, []).append(_users(entry))
    for (subject, place, mode), fits in rows.items():
        table.add_row(escape(subject), place, mode, *(" ".join(fits.get(name, [])) for name in HEADLINE))
    table.caption = "8+: at least 8; 1-7: 1 does, 8 don't, between wasn't measured; ?: undecided"
    return table


def _users(entry: Capacity) -> str:
    text = users_that_fit(entry)
    return f"[{'red' if text == '0' else 'green' if entry.fits else 'yellow'}]{text}[/]"


def _ratios(report: LatencyReport) -> Table:
    table = Table(title="Back-to-back latency relative to the baseline, with 95 % intervals")
    for name in ("subject", "baseline", "users", "place", "percentile", "ratio", "interval", "from"):
        table.add_column(name)
    for entry in report.comparisons:
        interval = "-" if entry.low is None else f"{entry.low:.3f} .. {entry.high:.3f}"
        table.add_row(
            escape(entry.subject),
            escape(entry.baseline),
            str(entry.setting.users),
            entry.setting.label,
            entry.percentile,
            f"{entry.ratio:.3f}",
            interval,
            f"{entry.samples} {entry.sampled}",
        )
    return table


def _floors(report: LatencyReport) -> Iterator[str]:
    for floor in report.floors:
        times = floor.timing
        yield (
            f"Floor, {floor.setting.words}: an empty call takes {times.percentiles_us['p50']:.2f} us "
            f"(max {times.max_us:.0f}); the host's longest pause in 1 s was "
            f"{floor.longest_gap_us / 1e3:.2f} ms, {100 * floor.lost_share:.1f} % of the time was lost to it"
        )


def _machine(report: LatencyReport) -> Iterator[str]:
    machine = report.environment
    quota = "no quota" if machine.cpu_quota is None else f"quota {machine.cpu_quota:g} CPUs"
    governor = machine.governor or "governor unknown"
    yield (
        f"{machine.processor}, {len(machine.cpus_allowed)} of {machine.cpus_online} CPUs, {quota}, "
        f"{governor}, load {machine.load_average:.2f}, kernel {machine.kernel}"
    )
    yield ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    yield from machine.gpus
    for words in dict.fromkeys(cell.realtime for _, cell in cells(report) if cell.realtime):
        yield f"real-time rights: {words}"


def _candidates(report: LatencyReport) -> Iterator[tuple[Subject, Cell, Run]]:
    """The runs of bundles that a base station would see: paced where it was measured, else back-to-back."""
    for subject, cell in cells(report):
        if subject.kind == "bundle" and cell.runs:
            paced = [run for run in cell.runs if run.mode == "paced"]
            yield subject, cell, (paced or cell.runs)[0]
