"""The timing budgets as a terminal table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.latency.budgets import SLOT_US, Budget

LOG_WIDTH = 120  # of a file or a pipe, which has no width of its own


def print_budgets(budgets: Sequence[Budget], console: Console) -> None:
    """One row per budget, microseconds per subcarrier spacing."""
    if not console.is_terminal:
        console.width = max(console.width, LOG_WIDTH)
    table = Table("name", "path", title="Timing budgets in microseconds")
    for scs in SLOT_US:
        table.add_column(f"{scs} kHz", justify="right")
    table.add_column("source")
    for budget in budgets:
        limits = [f"{budget.limit_us[scs]:g}" if scs in budget.limit_us else "-" for scs in SLOT_US]
        side = f"{budget.path} (UE)" if budget.ue else budget.path
        table.add_row(escape(budget.name), side, *limits, escape(budget.source))
    table.caption = (
        "slot: a quarter of it, at p99.999 and the maximum; report: also the period of the arrivals, p99.9; "
        "deadline: p99.9. (UE): a UE's processing time, no deadline of a base station."
    )
    console.print(table)
