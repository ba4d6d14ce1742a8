"""Training the CSI-ALM teacher (eq. 29-31)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from edgecsi.models.losses import Objective, nmse_objective, user_nmse
from edgecsi.training.batches import Batch
from edgecsi.training.loop import TrainOptions
from edgecsi.training.stage import TrainingData, config_of, train_network

ALIGNMENT_WEIGHT = 0.01  # lambda_1 of eq. 31


class TeacherTask(nn.Module):
    """L_NMSE - lambda_1 * cosine(Y_text, selected prompts)."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars."""
        prediction = self.network.predict(batch.history)
        nmse = user_nmse(prediction.future, batch.future)
        return {
            "loss": nmse_objective(nmse, self.objective) - ALIGNMENT_WEIGHT * prediction.alignment,
            "nmse": nmse.detach().mean(),
            "alignment": prediction.alignment.detach(),
        }


def train_teacher(
    data: TrainingData, backbone: str, backbone_folder: Path | None, options: TrainOptions, folder: Path
) -> None:
    """Train CSI-ALM on a dataset over a named backbone and write it as a model folder."""
    config = config_of("csi-alm", data.path, options.seed, backbone, backbone_folder)
    train_network(config, lambda network: TeacherTask(network, options.objective), data, options, folder)
