"""CNN baseline: CSI prediction as image processing (Safari et al., 2019, as compared with in LLM4CP, V-A).

Ten convolutions of 3x3 over an image of T x K pixels with two channels, the real and the imaginary part;
then one linear layer over time. LLM4CP's text gives the number of layers and the kernel, not the widths:
here they double from 8 to 128 and go back, 196,566 parameters at the papers' shape. (LLM4CP's published
program goes on to 512 channels in 14 layers, 3.1 M parameters and 16 times the arithmetic.)
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from edgecsi.models.network import NETWORKS, Network
from edgecsi.models.rows import RowNetwork
from edgecsi.radio import RadioSetting

CHANNELS = (2, 8, 16, 32, 64, 128, 64, 32, 16, 8, 2)


class Cnn(RowNetwork):
    """Ten 3x3 convolutions, ReLU between them, and Linear(T -> P)."""

    def __init__(self, radio: RadioSetting) -> None:
        super().__init__(radio)
        layers: list[nn.Module] = []
        for before, after in pairwise(CHANNELS):
            convolution = nn.Conv2d(before, after, 3, padding=1)
            # PyTorch's own start lets the signal fade 6-fold per layer (He et al., 2015).
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            layers += [convolution, nn.ReLU()]
        self.convolutions = nn.Sequential(*layers[:-1])
        self.to_future = nn.Linear(radio.history, radio.future)

    def predict_rows(self, rows: Tensor) -> Tensor:
        """float [row, T, 2K] -> [row, P, 2K]."""
        image = rows.unflatten(-1, (2, -1)).transpose(1, 2)  # [row, 2, T, K]
        features = self.convolutions(image)
        future = self.to_future(features.transpose(2, 3)).transpose(2, 3)  # [row, 2, P, K]
        return future.transpose(1, 2).flatten(2)


NETWORKS.register(
    Network(
        name="cnn",
        summary="baseline: ten convolutions over time and subcarriers",
        build=lambda config, backbone: Cnn(config.radio),
        module=__name__,
    )
)
