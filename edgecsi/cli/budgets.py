"""edgecsi budgets: the deadlines that a latency report judges against."""

from __future__ import annotations

from pathlib import Path

import click

from edgecsi.cli import options


@click.command("budgets")
@click.option("--budgets", "budget_file", type=options.FILE, help="YAML file with budgets of your own.")
@options.json_file
def command(budget_file: Path | None, json_path: Path | None) -> None:
    """List the timing budgets by name, in microseconds per subcarrier spacing."""
    from edgecsi.cli.output import emit
    from edgecsi.latency.budget_file import load_budgets
    from edgecsi.report.budget_table import print_budgets

    budgets = load_budgets(budget_file)
    rows = [budget.model_dump(mode="json") for budget in budgets]
    emit(rows, json_path, lambda console: print_budgets(budgets, console))
