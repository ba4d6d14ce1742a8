"""edgecsi train: train a teacher, or any other network without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecsi.cli import options


@click.group()
def command() -> None:
    """Train a network on channel data."""


@command.command("csi-alm")
@click.option("--data", type=options.PATH, required=True, help="Dataset (.h5).")
@click.option(
    "--backbone",
    default="smollm2",
    show_default=True,
    help="smollm2, gpt2, qwen2.5-0.5b, random; for ablations with :random (drawn weights) or :none added.",
)
@options.backbone_folder
@options.training(epochs=100, learning_rate=3e-4)
@options.seed
@click.option("-o", "--output", type=options.PATH, required=True, help="Model folder to write.")
def csi_alm(
    data: Path, backbone: str, backbone_folder: Path | None, seed: int, output: Path, **values: Any
) -> None:
    """Train CSI-ALM: six blocks of an LLM with LoRA, aligned with its words.

    A run that was interrupted continues where it was. Several processes:
    torchrun --nproc-per-node N -m edgecsi train csi-alm ...
    """
    from edgecsi.cli.training_args import training_args
    from edgecsi.training.csi_alm import train_teacher

    training_data, train_options = training_args(data, seed, values)
    train_teacher(training_data, backbone, backbone_folder, train_options, output)
    click.echo(f"{output}: CSI-ALM on {backbone}")


@command.command("direct")
@click.option(
    "--network",
    required=True,
    help="csi-alm-light, csi-alm-light-delta, csi-alm-light-ad, cnn, rnn, lstm, gru, transformer, llm4cp.",
)
@click.option("--data", type=options.PATH, required=True, help="Dataset (.h5).")
@click.option("--backbone", help="Of llm4cp: smollm2, gpt2, qwen2.5-0.5b, random.  [default: smollm2]")
@options.backbone_folder
@options.training(epochs=100, learning_rate=1e-3)
@options.seed
@click.option("-o", "--output", type=options.PATH, required=True, help="Model folder to write.")
def direct(
    network: str,
    data: Path,
    backbone: str | None,
    backbone_folder: Path | None,
    seed: int,
    output: Path,
    **values: Any,
) -> None:
    """Train a baseline, or the student, on its NMSE alone.

    A run that was interrupted continues where it was.
    """
    from edgecsi.cli.training_args import training_args
    from edgecsi.training.direct import train_direct

    training_data, train_options = training_args(data, seed, values)
    if network == "llm4cp":
        backbone = backbone or "smollm2"
    train_direct(network, training_data, train_options, output, backbone, backbone_folder)
    click.echo(f"{output}: {network}")
