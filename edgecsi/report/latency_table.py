"""A latency report as terminal tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.latency.results import Cell, LatencyReport, Run, Subject, Verdict

PERCENTILES = ("p50", "p90", "p99", "p99.9")
SHOWN_BUDGETS = ("slot", "cqi-period-4", "cqi-period-5", "cqi-period-8", "cqi-period-10")
COLOUR = {"pass": "green", "fail": "red", "cannot sustain": "red", "undecided": "yellow"}


def print_latency(report: LatencyReport, console: Console) -> None:
    """Latencies of every subject and setting, then the margins to the budgets."""
    console.print(_latency_table(report))
    console.print(_margin_table(report))
    machine = report.environment
    facts = f"{machine.cpus_allowed} CPUs, {machine.scheduler}, load {machine.load_average:.2f}"
    console.print(f"{escape(machine.processor)}, {facts}")
    if not machine.rt_tuned:
        missing = ", no ".join(machine.rt_missing)
        console.print(f"[yellow]not RT-tuned: p99.9 and beyond belong to the host[/] (no {missing})")


def _latency_table(report: LatencyReport) -> Table:
    table = Table(title="Latency in ms, 99 % upper bounds; '-': more calls needed")
    for name in ("subject", "engine", "users", "threads", "calls", *PERCENTILES, "max", "load", "first call"):
        table.add_column(name, justify="left" if name in ("subject", "engine") else "right")
    notes = []
    for subject in report.subjects:
        name, engine = escape(subject.name), f"{subject.engine} {subject.precision}"
        if subject.reason:
            table.add_row(name, engine, *["-"] * 10)
            notes.append(f"{subject.name}: {subject.reason}")
        for cell in subject.cells:
            table.add_row(name, engine, *_cell_columns(cell))
            if cell.reason:
                notes.append(f"{subject.name}, {cell.users} user(s): {cell.reason}")
    table.caption = escape("\n".join(notes))
    return table


def _cell_columns(cell: Cell) -> list[str]:
    setting = [str(cell.users), str(cell.threads)]
    if not cell.runs:
        return [*setting, *["-"] * 8]
    run = cell.runs[0]
    bounds = [_ms(run.percentiles_us.get(name)) for name in PERCENTILES]
    return [
        *setting,
        str(run.calls),
        *bounds,
        _ms(run.max_us),
        f"{cell.load_ms:.0f}",
        f"{cell.first_call_ms:.1f}",
    ]


def _margin_table(report: LatencyReport) -> Table:
    table = Table(title="Margin to budgets in ms at 15 / 30 / 60 / 120 kHz (slot: a quarter of it)")
    table.add_column("subject")
    table.add_column("users", justify="right")
    for name in SHOWN_BUDGETS:
        table.add_column(name)
    for subject in report.subjects:
        for cell in subject.cells:
            for run in cell.runs:
                table.add_row(*_margin_columns(subject, cell, run))
    table.caption = "green: pass, red: fail or can't sustain, yellow: undecided (more calls needed)"
    return table


def _margin_columns(subject: Subject, cell: Cell, run: Run) -> list[str]:
    columns = [escape(subject.name), str(cell.users)]
    for name in SHOWN_BUDGETS:
        columns.append(" ".join(_margin(verdict) for verdict in run.verdicts if verdict.budget == name))
    return columns


def _margin(verdict: Verdict) -> str:
    value = "?" if verdict.margin_us is None else f"{verdict.margin_us / 1e3:+.2f}"
    return f"[{COLOUR[verdict.outcome]}]{value}[/]"


def _ms(us: float | None) -> str:
    return "-" if us is None else f"{us / 1e3:.2f}"
