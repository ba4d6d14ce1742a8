"""edgecsi calib: draw and look at calibration sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecsi.calib.options import CalibrationOptions
from edgecsi.cli import options
from edgecsi.cli.from_model import build_model, model_options
from edgecsi.cli.output import emit_fields


@click.group()
def command() -> None:
    """Sample and inspect the calibration sets that INT8 targets need."""


@command.command()
@click.option("--data", type=options.PATH, required=True, help="Dataset to draw from.")
@model_options(CalibrationOptions)
@click.option("-o", "--output", type=options.PATH, required=True, help="Calibration set to write.")
def sample(data: Path, output: Path, **values: Any) -> None:
    """Draw users evenly over groups, as speeds, over power and over SNR; never a test user."""
    recipe = build_model(CalibrationOptions, values)
    from edgecsi.calib.calibration_set import CalibrationSet
    from edgecsi.calib.sampling import sample as draw

    draw(data, output, recipe)
    with CalibrationSet.open(output) as calibration:
        click.echo(f"{output}: {recipe.users} users, id {calibration.id}")


@command.command()
@click.argument("file", type=options.PATH)
@options.json_file
def info(file: Path, json_path: Path | None) -> None:
    """Show what the calibration set FILE holds."""
    from edgecsi.calib.calibration_summary import summarise

    emit_fields(summarise(file).model_dump(mode="json"), json_path)
