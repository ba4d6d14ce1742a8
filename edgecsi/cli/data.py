"""edgecsi data: make, import and look at channel datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecsi.channel.mat_options import ImportOptions
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.cli import options
from edgecsi.cli.from_model import build_model, model_options
from edgecsi.cli.output import emit_fields

OUTPUT = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Dataset to write."
)
GENERATE_ALIAS = {"los": "--los/--nlos", "speed_kmh": "--speed"}
IMPORT_ALIAS = {"los": "--los/--nlos"}


@click.group()
def command() -> None:
    """Generate, import and inspect channel data."""


@command.command()
@model_options(DataOptions, alias=GENERATE_ALIAS)
@OUTPUT
def generate(output: Path, **values: Any) -> None:
    """Draw channels by 3GPP TR 38.901 with Sionna."""
    recipe = build_model(DataOptions, values, GENERATE_ALIAS)
    from edgecsi.channel.tr38901 import generate as generate_channels
    from edgecsi.progress import progress_bar

    with progress_bar("channels") as show:
        generate_channels(output, recipe, show)
    click.echo(f"{output}: {recipe.users} users")


@command.command(name="import")
@click.option("--history", type=options.PATH, required=True, help="v7.3 .mat file with H_U_his*.")
@click.option("--future", type=options.PATH, required=True, help="With H_U_pre* (TDD) or H_D_pre* (FDD).")
@model_options(ImportOptions, alias=IMPORT_ALIAS)
@OUTPUT
def import_(history: Path, future: Path, output: Path, **values: Any) -> None:
    """Import LLM4CP / QuaDRiGa MATLAB files, streamed.

    Their axes are [speed, user, time, subcarrier, column, row, polarisation].
    """
    chosen = build_model(ImportOptions, values, IMPORT_ALIAS)
    from edgecsi.channel.mat import import_mat
    from edgecsi.progress import progress_bar

    with progress_bar("import") as show:
        left_out = import_mat(output, history, future, chosen, show)
    click.echo(f"{output}: imported{f'; {left_out} dead users left out' if left_out else ''}")


@command.command()
@click.argument("file", type=options.PATH)
@options.json_file
def info(file: Path, json_path: Path | None) -> None:
    """Show what the dataset FILE holds."""
    from edgecsi.channel.dataset import Dataset
    from edgecsi.channel.dataset_summary import summarise

    with Dataset.open(file) as dataset:
        findings = summarise(dataset).model_dump(mode="json")
    emit_fields(findings, json_path)
