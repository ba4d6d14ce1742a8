"""A verification as terminal tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.runtime.verification import Verification


def print_verification(result: Verification, console: Console) -> None:
    """What was checked, what was found, and what was not run."""
    whole = f"{escape(result.bundle)}: every byte is what its manifest lists\ndigest {result.digest}"
    console.print(whole, highlight=False, soft_wrap=True)
    if not result.engine_executed:
        console.print(f"[yellow]engine not executed[/]: {escape(result.reason or '')}", soft_wrap=True)
        return
    console.print(_checks(result))
    console.print(_nmse(result))


def _checks(result: Verification) -> Table:
    threads = f", {result.threads} threads" if result.threads else ""
    table = Table(title=f"{escape(result.target)} on {result.users} golden users{threads}")
    table.add_column("check")
    for name in ("error in dB", "limit", "verdict"):
        table.add_column(name, justify="right")
    for check in result.checks:
        verdict = "[green]pass[/]" if check.passed else "[red]fail[/]"
        table.add_row(check.name, f"{check.error_db:.1f}", f"{check.limit_db:.0f}", verdict)
    return table


def _nmse(result: Verification) -> Table:
    table = Table(title="NMSE in dB on the golden users")
    for name in ("predictor", "mean", "pooled"):
        table.add_column(name, justify="left" if name == "predictor" else "right")
    for name, report in (("engine", result.engine_nmse), ("student", result.student)):
        table.add_row(name, f"{report.nmse_mean_db:.3f}", f"{report.nmse_pooled_db:.3f}")
    return table
