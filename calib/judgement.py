"""The verdict on a quantized graph, in numbers."""

from __future__ import annotations

from pydantic import BaseModel


class NmseLoss(BaseModel):
    """Quantized minus FP32 at one level of SNR (None: clean), in dB: positive is worse."""

    snr_db: float | None
    nmse_loss_db: float
    worst_speed_loss_db: float
    worst_speed_kmh: str


class Judgement(BaseModel):
    """One quantized graph on the held-out users.

    relative_error_db: 10 log10(||INT8 - FP32||^2 / ||FP32||^2), pooled, of the worst level of SNR.
    """

    relative_error_db: float
    losses: list[NmseLoss]

    @property
    def nmse_loss_db(self) -> float:
        """The worst over the levels of SNR."""
        return max(loss.nmse_loss_db for loss in self.losses)

    @property
    def worst_speed_loss_db(self) -> float:
        """The worst over the levels of SNR and the speeds."""
        return max(loss.worst_speed_loss_db for loss in self.losses)
