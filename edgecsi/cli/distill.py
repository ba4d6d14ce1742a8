"""edgecsi distill: a student from a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecsi.cli.from_model import build_model, model_options
from edgecsi.cli.options import PATH
from edgecsi.cli.train import network_choice, network_options
from edgecsi.distill.options import DistillOptions


@click.command("distill")
@click.option(
    "--teacher",
    type=PATH,
    required=True,
    help="Model folder of the teacher, or reference: the shipped one.",
)
@click.option("--data", type=PATH, required=True, help="Dataset (.h5).")
@click.option(
    "--student",
    default="csi-alm-light",
    show_default=True,
    help="A network with self-attention; csi-alm-light-delta predicts the change of the CSI.",
)
@network_options
@model_options(DistillOptions)
@click.option("-o", "--output", type=PATH, required=True, help="Model folder to write.")
def command(teacher: Path, data: Path, student: str, output: Path, **values: Any) -> None:
    """Distil a teacher into a student (348,596 parameters) by its self-attention relations.

    The teacher runs once over the data; a run that was interrupted continues where it was.
    """
    choice, options = network_choice(student, values), build_model(DistillOptions, values)
    from edgecsi.channel import Dataset
    from edgecsi.distill.distill import distill
    from edgecsi.models.shipped import find

    with Dataset.open(data) as dataset:
        teacher = find("teacher", teacher, dataset.radio.duplex)
    distill(teacher, choice, data, options, output)
    click.echo(f"{output}: {student} distilled from {teacher}")
