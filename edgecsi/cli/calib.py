"""edgecsi calib: draw and look at calibration sets."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from edgecsi.cli import options


@click.group()
def command() -> None:
    """Sample and inspect the calibration sets that INT8 targets need."""


@command.command()
@click.option("--data", type=options.PATH, required=True, help="Dataset to draw from.")
@click.option(
    "--users", type=click.IntRange(1), default=256, show_default=True, help="Training users to draw."
)
@click.option(
    "--held-out",
    type=click.IntRange(1),
    default=96,
    show_default=True,
    help="Validation users that judge what INT8 loses.",
)
@click.option(
    "--snr-db",
    type=float,
    multiple=True,
    default=[20.0],
    show_default=True,
    help="Level of SNR in dB beside clean; repeatable.",
)
@options.seed
@click.option("-o", "--output", type=options.PATH, required=True, help="Calibration set to write.")
def sample(data: Path, users: int, held_out: int, snr_db: tuple[float, ...], seed: int, output: Path) -> None:
    """Draw users evenly over speed, power and SNR; never a test user."""
    from edgecsi.calib.calibration_set import CalibrationSet
    from edgecsi.calib.sampling import Recipe
    from edgecsi.calib.sampling import sample as draw

    draw(data, output, Recipe(users, held_out, snr_db, seed))
    with CalibrationSet.open(output) as calibration:
        click.echo(f"{output}: {users} users, id {calibration.id}")


@command.command()
@click.argument("file", type=options.PATH)
@options.json_file
def info(file: Path, json_path: Path | None) -> None:
    """Show what the calibration set FILE holds."""
    from edgecsi.calib.summary import summarise
    from edgecsi.cli.output import emit

    findings = summarise(file).model_dump()

    def show(console: Console) -> None:
        for name, value in findings.items():
            console.print(f"{name:<20} {value}", highlight=False, soft_wrap=True)

    emit(findings, json_path, show)
