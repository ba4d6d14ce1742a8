"""What a quantized graph loses against its FP32 graph, in numbers."""

from __future__ import annotations

from pydantic import BaseModel


class LevelLoss(BaseModel):
    """Quantized minus FP32 at one level of SNR (None: clean), in dB: positive is worse.

    worst_group: the row of the task's first grouping that loses most, as "30" km/h.
    """

    snr_db: float | None
    nmse_loss_db: float
    worst_group_loss_db: float
    worst_group: str


class QuantizationLoss(BaseModel):
    """One quantized graph on the held-out users.

    relative_error_db: 10 log10(||INT8 - FP32||^2 / ||FP32||^2), pooled, of the worst level of SNR.
    """

    relative_error_db: float
    levels: list[LevelLoss]

    @property
    def nmse_loss_db(self) -> float:
        """The worst over the levels of SNR."""
        return max(level.nmse_loss_db for level in self.levels)

    @property
    def worst_group_loss_db(self) -> float:
        """The worst over the levels of SNR and the groups."""
        return max(level.worst_group_loss_db for level in self.levels)
