"""edgecsi budgets: the deadlines that a latency report judges against."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("budgets")
@click.option("--budgets", "budget_file", type=FILE, help="YAML file with budgets of your own.")
@click.option("--json", "json_path", type=FILE, help="Write the list as JSON; - for stdout.")
def command(budget_file: Path | None, json_path: Path | None) -> None:
    """List the timing budgets by name, in microseconds per subcarrier spacing."""
    import json

    from rich.console import Console

    from edgecsi.files import write_json
    from edgecsi.latency.budget_file import load_budgets
    from edgecsi.report.budget_table import print_budgets

    budgets = load_budgets(budget_file)
    rows = [budget.model_dump(mode="json") for budget in budgets]
    if str(json_path) == "-":
        click.echo(json.dumps(rows, indent=2))
        return
    print_budgets(budgets, Console())
    if json_path:
        write_json(json_path, rows)
