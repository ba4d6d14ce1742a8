"""Stage `network`: train a network on channels without a teacher -> model/. Teachers are made so too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field

from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.trained_code import network_modules, training_libraries
from edgecsi.training.options import NetworkChoice, TrainOptions

MODEL = "model"
FOLDERS = ("start_from", "backbone_folder")  # options that name a folder
Some = TypeVar("Some", bound=BaseModel)


class Options(TrainOptions, NetworkChoice, StageOptions):
    """Which network, and how it is trained."""

    network: str = Field("csi-alm", min_length=1, max_length=100, description="The network, by name.")


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`data`, a dataset -> model/.

    Optional inputs: `start_from` and `backbone_folder`, in place of the options of these names.
    """
    from edgecsi.training.train import train_network

    options = with_inputs(options, inputs)
    choice, training = NetworkChoice.part_of(options), TrainOptions.part_of(options)
    train_network(choice, inputs["data"], training, out / MODEL)


def with_inputs(options: Some, inputs: Mapping[str, Path]) -> Some:
    """The options with the folders that are inputs, so that a key holds what is in them and not where."""
    return options.model_copy(update={name: inputs[name] for name in FOLDERS if name in inputs})


ROW = STAGES.register(
    StageRow(
        "network",
        "train a network without a teacher",
        run,
        Options,
        libraries=training_libraries,
        modules=network_modules,
        module=__name__,
    )
)
