"""edgecsi train: train any network, a teacher too, on channel data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edgecsi.cli.from_model import build_model, model_options
from edgecsi.cli.options import PATH
from edgecsi.training.options import NetworkChoice, TrainOptions


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Every option of :class:`NetworkChoice` but the network's name; see :func:`network_choice`."""
    own = click.option(
        "--network-option",
        "network_options",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of the network itself; repeatable. A wrong KEY lists them.",
    )
    return own(model_options(NetworkChoice, skip=("network", "network_options"))(command))


def network_choice(network: str, values: dict[str, Any]) -> NetworkChoice:
    """The network that the command line names, with its own options."""
    return build_model(
        NetworkChoice, {**values, "network": network}, alias={"network_options": "--network-option"}
    )


@click.command("train")
@click.argument("network")
@click.option("--data", type=PATH, required=True, help="Dataset (.h5).")
@network_options
@model_options(TrainOptions)
@click.option("-o", "--output", type=PATH, required=True, help="Model folder to write.")
def command(network: str, data: Path, output: Path, **values: Any) -> None:
    """Train NETWORK, by name, without a teacher; csi-alm is the papers' teacher itself.

    Any other name than a network's lists them all. A run that was interrupted continues where it was.
    Several processes: torchrun --nproc-per-node N -m edgecsi train NETWORK ...
    """
    choice, options = network_choice(network, values), build_model(TrainOptions, values)
    from edgecsi.training.train import train_network

    train_network(choice, data, options, output)
    click.echo(f"{output}: {network}")
