"""Training on the NMSE alone: baselines, and the student without distillation."""

from __future__ import annotations

from torch import Tensor, nn

from edgecsi.models.losses import user_nmse
from edgecsi.training.batches import Batch


class NmseTask(nn.Module):
    """L_NMSE of any network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, a scalar."""
        return {"loss": user_nmse(self.network(batch.history), batch.future).mean()}
