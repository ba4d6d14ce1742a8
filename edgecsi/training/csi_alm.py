"""Training the CSI-ALM teacher (eq. 29-31)."""

from __future__ import annotations

from torch import Tensor, nn

from edgecsi.models.losses import user_nmse
from edgecsi.training.batches import Batch

ALIGNMENT_WEIGHT = 0.01  # lambda_1 of eq. 31


class TeacherTask(nn.Module):
    """L_NMSE - lambda_1 * cosine(Y_text, selected prompts)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars."""
        prediction = self.network.predict(batch.history)
        nmse = user_nmse(prediction.future, batch.future).mean()
        return {
            "loss": nmse - ALIGNMENT_WEIGHT * prediction.alignment,
            "nmse": nmse.detach(),
            "alignment": prediction.alignment.detach(),
        }
