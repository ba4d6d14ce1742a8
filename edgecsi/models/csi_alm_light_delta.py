"""CSI-ALM-Light-Delta: CSI-ALM-Light that predicts how the CSI goes on changing instead of the CSI.

An antenna's history is told as its differences from the last step, in units of their RMS, and the prediction
is the last step plus the network's output in the same units. So a slow user's small changes look to the
network like a fast user's large ones, and what an engine's rounding adds is small where the change is: the
more predictable a channel, the smaller the error. The network between is the paper's, with its 348,596
parameters, and attention in four heads of 32 channels: as good as eight, and less to do for an engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn

from edgecsi.models.csi_alm_light import CsiAlmLight, CsiAlmLightOptions
from edgecsi.models.network import NETWORKS, Network
from edgecsi.radio import RadioSetting

if TYPE_CHECKING:
    from edgecsi.models.backbones import Backbone
    from edgecsi.models.folder import ModelConfig

STILL = 1e-4  # RMS change of a row that counts as none, relative to the user's RMS


class CsiAlmLightDeltaOptions(CsiAlmLightOptions):
    """Its sizes."""

    heads: int = Field(4, ge=1, le=256, description="Attention heads; they divide the width.")


class CsiAlmLightDelta(CsiAlmLight):
    """Student network. Input and output as in :class:`edgecsi.models.prediction.TaskNetwork`."""

    def __init__(
        self, radio: RadioSetting, options: CsiAlmLightDeltaOptions = CsiAlmLightDeltaOptions()
    ) -> None:
        super().__init__(radio, options)

    def predict_rows(self, rows: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """float [row, T, 2K] -> [row, P, 2K], and the last block's (query, key, value)."""
        last = rows[:, -1:]
        change = rows[:, :-1] - last
        size = change.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=STILL)
        further, qkv = super().predict_rows(torch.cat([change / size, last], dim=1))
        return last + size * further, qkv


def why_not(radio: RadioSetting) -> str | None:
    """Why it can't do a setting; None when it can."""
    return None if radio.history > 1 else "needs two samples of history to see a change, not 1"


def _build(config: ModelConfig, backbone: Backbone | None) -> nn.Module:
    return CsiAlmLightDelta(config.radio, CsiAlmLightDeltaOptions(**config.options))


NETWORKS.register(
    Network(
        name="csi-alm-light-delta",
        summary="csi-alm-light that predicts the change of the CSI; rounding costs it little",
        build=_build,
        options=CsiAlmLightDeltaOptions,
        relations=True,
        native_kernels=True,
        why_not=why_not,
        module=__name__,
    )
)
