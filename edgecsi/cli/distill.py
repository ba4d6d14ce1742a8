"""edgecsi distill: a student from a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecsi.cli import options


@click.command("distill")
@click.option(
    "--teacher",
    type=options.PATH,
    required=True,
    help="Model folder of the teacher, or reference: the shipped one.",
)
@click.option("--data", type=options.PATH, required=True, help="Dataset (.h5).")
@click.option(
    "--student",
    type=click.Choice(["csi-alm-light", "csi-alm-light-delta"]),
    default="csi-alm-light",
    show_default=True,
    help="csi-alm-light-delta predicts the change of the CSI.",
)
@options.training(epochs=100, learning_rate=3e-3)
@click.option(
    "--weight",
    type=click.FloatRange(0),
    default=0.1,
    show_default=True,
    help="Of the relation loss (lambda 2).",
)
@click.option("--relation-heads", type=click.IntRange(1), default=32, show_default=True)
@click.option(
    "--relation-scope",
    type=click.Choice(["all", "csi"]),
    default="csi",
    show_default=True,
    help="csi: leave the prompt tokens out of the relations.",
)
@options.seed
@click.option("-o", "--output", type=options.PATH, required=True, help="Model folder to write.")
def command(
    teacher: Path,
    data: Path,
    student: str,
    weight: float,
    relation_heads: int,
    relation_scope: str,
    seed: int,
    output: Path,
    **values: Any,
) -> None:
    """Distil a teacher into a student (348,596 parameters) by its self-attention relations.

    The teacher runs once over the data; a run that was interrupted continues where it was.
    """
    from edgecsi.channel import Dataset
    from edgecsi.cli.training_args import training_args
    from edgecsi.distill.stage import distill
    from edgecsi.distill.task import DistillOptions
    from edgecsi.models.shipped import find

    with Dataset.open(data) as dataset:
        teacher = find("teacher", teacher, dataset.info.duplex)
    training_data, train_options = training_args(data, seed, values)
    distillation = DistillOptions(weight, relation_heads, relation_scope)
    distill(teacher, training_data, train_options, distillation, output, student)
    click.echo(f"{output}: {student} distilled from {teacher}")
