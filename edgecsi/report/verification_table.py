"""A verification as terminal tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.runtime.verification import Verification


def print_verification(result: Verification, console: Console) -> None:
    """What was checked, what was found, and what was not run."""
    whole = f"{escape(result.bundle)}: every byte is what its manifest lists"
    for line in (whole, f"digest {result.digest}"):
        console.print(line, highlight=False, soft_wrap=True)
    for warning in result.warnings:
        console.print(f"[yellow]warning[/]: {escape(warning)}", highlight=False, soft_wrap=True)
    if not result.engine_executed:
        console.print(f"[yellow]engine not executed[/]: {escape(result.reason or '')}", soft_wrap=True)
        return
    console.print(_checks(result))
    console.print(_nmse(result))


def _checks(result: Verification) -> Table:
    threads = f", {result.threads} threads" if result.threads else ""
    subject = f"{escape(result.network)} as {escape(result.target)}"
    table = Table("check", "where it is worst", title=f"{subject} on {result.users} golden users{threads}")
    for name in ("in dB", "limit", "verdict"):
        table.add_column(name, justify="right")
    for check in result.checks:
        verdict = "[green]pass[/]" if check.passed else "[red]fail[/]"
        numbers = (f"{round(value, 2) + 0.0:.2f}" for value in (check.value_db, check.limit_db))  # no -0.00
        table.add_row(escape(check.name), escape(check.where), *numbers, verdict)
    return table


def _nmse(result: Verification) -> Table:
    table = Table("predictor", "users", title="NMSE in dB on the golden users")
    for name in ("mean", "pooled"):
        table.add_column(name, justify="right")
    for condition, reports in result.metrics.items():
        for name, report in reports.items():
            users = f"{report.users} {condition}"
            table.add_row(escape(name), escape(users), f"{report.mean_db:.3f}", f"{report.pooled_db:.3f}")
    return table
