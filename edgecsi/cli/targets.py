"""edgecsi targets: what this machine can build and run."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from edgecsi.cli import options


@click.command("targets")
@options.json_file
def command(json_path: Path | None) -> None:
    """List the targets, and whether this machine builds and runs them."""
    from rich.table import Column, Table

    from edgecsi.cli.output import emit
    from edgecsi.export.targets import survey

    states = survey()

    def show(console: Console) -> None:
        names = ("target", "engine", "precision")
        table = Table(*(Column(name, no_wrap=True) for name in names), "builds here", "runs here")
        table.add_column("reason", overflow="fold", ratio=1)
        for state in states:
            reasons = dict.fromkeys(filter(None, (state.why_not_build, state.why_not_run)))
            builds, runs = ("no" if reason else "yes" for reason in (state.why_not_build, state.why_not_run))
            table.add_row(state.target, state.engine, state.precision, builds, runs, "; ".join(reasons))
        console.print(table)

    emit([state.model_dump() for state in states], json_path, show)
