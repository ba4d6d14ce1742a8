"""Recurrent baselines of LLM4CP (V-A) and CSI-ALM: RNN, LSTM and GRU of four layers.

The papers give the number of layers and not the width; here it is 192, which makes 0.30, 1.13 and 0.85 M
parameters at the papers' shape. The history goes in step by step; each predicted step goes in as the next
input, as in LLM4CP, for FDD too.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from edgecsi.models.network import NETWORKS, Network
from edgecsi.models.rows import RowNetwork
from edgecsi.radio import RadioSetting

LAYERS, WIDTH = 4, 192


class Recurrent(RowNetwork):
    """Recurrent layers and Linear(width -> 2K), rolled out P steps."""

    cell: ClassVar[type[nn.RNNBase]]

    def __init__(self, radio: RadioSetting) -> None:
        super().__init__(radio)
        features = 2 * radio.subcarriers
        self.layers = self.cell(features, WIDTH, LAYERS, batch_first=True)
        self.to_features = nn.Linear(WIDTH, features)

    def predict_rows(self, rows: Tensor) -> Tensor:
        """float [row, T, 2K] -> [row, P, 2K]."""
        hidden, state = self.layers(rows)
        steps = [self.to_features(hidden[:, -1:])]
        while len(steps) < self.radio.future:
            hidden, state = self.layers(steps[-1], state)
            steps.append(self.to_features(hidden))
        return torch.cat(steps, dim=1)


class Rnn(Recurrent):
    """Elman's network with tanh (Jiang and Schotten, 2020): 296,544 parameters."""

    cell = nn.RNN


class Lstm(Recurrent):
    """Long short-term memory (Jiang and Schotten, 2020): 1,130,592 parameters."""

    cell = nn.LSTM


class Gru(Recurrent):
    """Gated recurrent units (Cho et al., 2014): 852,576 parameters."""

    cell = nn.GRU


NETWORKS.register(
    Network(
        name="rnn",
        summary="baseline: Elman's recurrent network",
        build=lambda config, backbone: Rnn(config.radio),
        module=__name__,
    )
)

NETWORKS.register(
    Network(
        name="lstm",
        summary="baseline: long short-term memory",
        build=lambda config, backbone: Lstm(config.radio),
        module=__name__,
    )
)

NETWORKS.register(
    Network(
        name="gru",
        summary="baseline: gated recurrent units",
        build=lambda config, backbone: Gru(config.radio),
        module=__name__,
    )
)
