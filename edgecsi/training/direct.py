"""Training on the NMSE alone: baselines, and students without distillation."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from edgecsi.errors import ModelError
from edgecsi.models.folder import LLM_BACKED, STUDENTS
from edgecsi.models.losses import Objective, nmse_objective, user_nmse
from edgecsi.training.batches import Batch
from edgecsi.training.loop import TrainOptions
from edgecsi.training.stage import TrainingData, config_of, train_network

NAMES = (*STUDENTS, "llm4cp")  # csi-alm has a loss of its own


class NmseTask(nn.Module):
    """L_NMSE of any network."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars."""
        nmse = user_nmse(self.network(batch.history), batch.future)
        return {"loss": nmse_objective(nmse, self.objective), "nmse": nmse.detach().mean()}


def train_direct(
    name: str,
    data: TrainingData,
    options: TrainOptions,
    folder: Path,
    backbone: str | None = None,
    backbone_folder: Path | None = None,
) -> None:
    """Train a new network of this name on a dataset, without a teacher, and write it as a model folder.

    backbone: of `llm4cp`; ModelError where it is missing or the network stands on none.
    """
    if name not in NAMES:
        raise ModelError(f"unknown network {name!r}; choose one of {', '.join(NAMES)}")
    if (backbone is not None) != (name in LLM_BACKED):
        raise ModelError(f"{name} stands on {'a' if name in LLM_BACKED else 'no'} backbone")
    config = config_of(name, data.path, options.seed, backbone, backbone_folder)
    train_network(config, lambda network: NmseTask(network, options.objective), data, options, folder)
