"""Options that several verbs share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import click

PATH = click.Path(path_type=Path)

backbone_folder = click.option(
    "--backbone-folder",
    type=click.Path(path_type=Path, resolve_path=True),  # a model folder refers to it
    help="Local copy of the backbone (safetensors).",
)
seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
json_file = click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write JSON; - for stdout."
)


class SnrRange(click.ParamType):
    """Signal-to-noise ratio in dB: `20` or `5-25`; negative ones with a colon, `-5:25`."""

    name = "dB"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Text -> (low, high), or a usage error."""
        parts = value.split(":") if ":" in value else value.replace("-", ":").split(":")
        try:
            low, high = (float(part) for part in (parts * 2 if len(parts) == 1 else parts))
        except ValueError:
            self.fail(f"{value!r} is no SNR in dB; write 20, 5-25 or -5:25", param, ctx)
        if not low <= high:
            self.fail(f"{value!r}: the range must go from low to high", param, ctx)
        return low, high


class Decibel(click.ParamType):
    """A finite number of dB."""

    name = "dB"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text -> dB, or a usage error."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of dB", param, ctx)
        return number


def goals(command: Callable) -> Callable:
    """--max-nmse-loss-db and --max-worst-speed-loss-db."""
    worst = click.option(
        "--max-worst-speed-loss-db",
        type=Decibel(),
        default=0.2,
        show_default=True,
        help="How much NMSE the engine may lose at any speed.",
    )
    overall = click.option(
        "--max-nmse-loss-db",
        type=Decibel(),
        default=0.1,
        show_default=True,
        help="How much NMSE the engine may lose against the student.",
    )
    return overall(worst(command))


def training(epochs: int, learning_rate: float) -> Callable[[Callable], Callable]:
    """The options of one network's training, with that network's defaults."""
    options = [
        click.option("--epochs", type=click.IntRange(1), default=epochs, show_default=True),
        click.option("--batch-users", type=click.IntRange(1), default=32, show_default=True),
        click.option(
            "--batch-antennas",
            type=click.IntRange(1),
            default=8,
            show_default=True,
            help="Antennas of each user in a batch; an epoch sees them all.",
        ),
        click.option(
            "--learning-rate",
            type=click.FloatRange(0, min_open=True),
            default=learning_rate,
            show_default=True,
        ),
        click.option("--patience", type=click.IntRange(1), default=20, show_default=True),
        click.option("--max-users", type=click.IntRange(1), help="Train on at most this many users."),
        click.option("--snr-db", type=SnrRange(), help="Add noise to the history.  [default: none]"),
        click.option(
            "--noise-draws",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Different noise per user, in turn over the epochs.",
        ),
        click.option(
            "--clean-share",
            type=click.FloatRange(0, 1),
            default=0.0,
            show_default=True,
            help="Share of the histories that stay clean beside --snr-db.",
        ),
        click.option(
            "--objective",
            type=click.Choice(["nmse", "log-nmse"]),
            default="nmse",
            show_default=True,
            help="log-nmse: a decibel counts the same for every user, slow or fast.",
        ),
        click.option(
            "--activation-bits",
            type=click.IntRange(2, 23),
            help="Round activations to so many significant bits while training (BF16 has 8): a network that "
            "learns with 5 or 6 loses less in BF16 and INT8 engines.",
        ),
        click.option("--start-from", type=PATH, help="Continue from the weights of this model folder."),
        click.option(
            "--precision",
            type=click.Choice(["auto", "fp32", "bf16"]),
            default="auto",
            show_default=True,
            help="Of matrix products while training; auto: bf16 where the hardware has it.",
        ),
    ]

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
