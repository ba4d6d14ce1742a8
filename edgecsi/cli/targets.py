"""edgecsi targets: what this machine can build and run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("targets")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False), help="Write the list as JSON; - for stdout."
)
def command(json_path: str | None) -> None:
    """List the targets, and whether this machine builds and runs them."""
    import json

    from rich.console import Console
    from rich.table import Column, Table

    from edgecsi.export.targets import survey
    from edgecsi.files import write_json

    states = survey()
    rows = [state.model_dump() for state in states]
    if json_path == "-":
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(
        "target",
        "engine",
        "precision",
        "builds here",
        "runs here",
        Column("reason", overflow="fold", ratio=1),
    )
    for column in table.columns[:3]:
        column.no_wrap = True
    for state in states:
        reasons = dict.fromkeys(filter(None, (state.why_not_build, state.why_not_run)))
        builds, runs = ("no" if reason else "yes" for reason in (state.why_not_build, state.why_not_run))
        table.add_row(state.target, state.engine, state.precision, builds, runs, "; ".join(reasons))
    Console().print(table)
    if json_path:
        write_json(Path(json_path), rows)
