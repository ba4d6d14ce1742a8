"""CSI-ALM-Light-Delta: CSI-ALM-Light that predicts how the CSI goes on changing instead of the CSI.

An antenna's history is told as its differences from the last step, in units of their RMS, and the prediction
is the last step plus the network's output in the same units. So a slow user's small changes look to the
network like a fast user's large ones, and what an engine's rounding adds is small where the change is: the
more predictable a channel, the smaller the error. The network between is the paper's, with its 348,596
parameters, and attention in four heads of 32 channels: as good as eight, and less to do for an engine.
"""

from __future__ import annotations

import torch
from torch import Tensor

from edgecsi.csi import CsiShape
from edgecsi.models.csi_alm_light import CsiAlmLight

STILL = 1e-4  # RMS change of a row that counts as none, relative to the user's RMS


class CsiAlmLightDelta(CsiAlmLight):
    """Student network. Input and output as in :class:`edgecsi.models.prediction.Network`."""

    def __init__(self, shape: CsiShape) -> None:
        super().__init__(shape, heads=4)

    def predict_rows(self, rows: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """float [row, T, 2K] -> [row, P, 2K], and the last block's (query, key, value)."""
        last = rows[:, -1:]
        change = rows[:, :-1] - last
        size = change.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=STILL)
        further, qkv = super().predict_rows(torch.cat([change / size, last], dim=1))
        return last + size * further, qkv
