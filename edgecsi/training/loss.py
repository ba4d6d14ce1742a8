"""What is minimised: one loss for every network that learns without a teacher (CSI-ALM eq. 29-31)."""

from __future__ import annotations

from torch import Tensor, nn

from edgecsi.models.losses import user_nmse
from edgecsi.models.prediction import Prediction
from edgecsi.training.batches import Batch
from edgecsi.training.options import Objective

NMSE_FLOOR = 1e-5  # -50 dB: below that a better prediction is worth nothing
ALIGNMENT_WEIGHT = 0.01  # lambda_1 of eq. 31; more of it and words count for more than channels


class NmseLoss(nn.Module):
    """L_NMSE, less lambda_1 times the alignment score of a network that has one."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars."""
        return prediction_loss(self.network.predict(batch.inputs), batch.targets, self.objective)


def prediction_loss(prediction: Prediction, targets: Tensor, objective: Objective) -> dict[str, Tensor]:
    """`loss` (to descend), `nmse` and, where the network aligns with words, `alignment` (both detached)."""
    nmse = user_nmse(prediction.future, targets)
    loss, parts = over_users(nmse, objective), {"nmse": nmse.detach().mean()}
    if prediction.alignment is not None:
        loss = loss - ALIGNMENT_WEIGHT * prediction.alignment
        parts["alignment"] = prediction.alignment.detach()
    return {"loss": loss, **parts}


def over_users(nmse: Tensor, objective: Objective) -> Tensor:
    """Users' NMSE float [user] -> the scalar to minimise.

    nmse: the papers' mean, which users at high speed and low SNR rule; log-nmse: mean of log10, in which
    a decibel counts the same for every user.
    """
    return nmse.mean() if objective == "nmse" else (nmse + NMSE_FLOOR).log10().mean()
