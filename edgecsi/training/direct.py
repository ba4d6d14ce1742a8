"""Training on the NMSE alone: baselines, and students without distillation."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from edgecsi.models.losses import user_nmse
from edgecsi.training.batches import Batch
from edgecsi.training.loop import TrainOptions
from edgecsi.training.stage import TrainingData, config_of, train_network


class NmseTask(nn.Module):
    """L_NMSE of any network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, a scalar."""
        return {"loss": user_nmse(self.network(batch.history), batch.future).mean()}


def train_direct(name: str, data: TrainingData, options: TrainOptions, folder: Path) -> None:
    """Train a new network of this name on a dataset, without a teacher, and write it as a model folder."""
    train_network(config_of(name, data.path, options.seed), NmseTask, data, options, folder)
