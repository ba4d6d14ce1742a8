"""Transformer baseline: all steps at once (Jiang et al., "Accurate channel prediction based on Transformer",
JSAC 2022), in the size that LLM4CP (V-A) compares with: three encoder and two decoder layers.

The encoder reads the history. The decoder reads its last steps, then a zero for each step to be predicted,
and predicts those in parallel, so that errors do not add up from step to step. The papers leave open the
width (here 128), the heads (8), the feed-forward width (256) and how much history the decoder reads (12
steps, as in LLM4CP's published program): 832,736 parameters at the papers' shape.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgecsi.models.csi_alm_light import sinusoidal_position
from edgecsi.models.network import NETWORKS, Network
from edgecsi.models.rows import RowNetwork
from edgecsi.radio import RadioSetting

WIDTH, HEADS, FEED_FORWARD = 128, 8, 256
ENCODER_LAYERS, DECODER_LAYERS = 3, 2
DECODER_HISTORY = 12


class Transformer(RowNetwork):
    """Encoder and decoder with pre-norm, one token per step of one antenna."""

    def __init__(self, radio: RadioSetting) -> None:
        super().__init__(radio)
        features = 2 * radio.subcarriers
        self.known = min(DECODER_HISTORY, radio.history)
        self.encoder_embedding = nn.Linear(features, WIDTH)
        self.decoder_embedding = nn.Linear(features, WIDTH)
        # Counted from the start of the history in both, so that the decoder's steps follow the encoder's.
        position = sinusoidal_position(radio.history + radio.future, WIDTH)
        self.register_buffer("position", position, persistent=False)
        sizes = {"d_model": WIDTH, "nhead": HEADS, "dim_feedforward": FEED_FORWARD}
        kind = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(**sizes, **kind) for _ in range(ENCODER_LAYERS)
        )
        self.decoder = nn.ModuleList(
            nn.TransformerDecoderLayer(**sizes, **kind) for _ in range(DECODER_LAYERS)
        )
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.to_features = nn.Linear(WIDTH, features)

    def predict_rows(self, rows: Tensor) -> Tensor:
        """float [row, T, 2K] -> [row, P, 2K]."""
        history, future = self.radio.history, self.radio.future
        memory = self.encoder_embedding(rows) + self.position[:history]
        for layer in self.encoder:
            memory = layer(memory)
        memory = self.encoder_norm(memory)

        unknown = torch.zeros_like(rows[:, :1]).expand(-1, future, -1)
        tokens = self.decoder_embedding(torch.cat([rows[:, -self.known :], unknown], dim=1))
        tokens = tokens + self.position[history - self.known :]
        for layer in self.decoder:
            tokens = layer(tokens, memory)
        return self.to_features(self.decoder_norm(tokens[:, -future:]))


NETWORKS.register(
    Network(
        name="transformer",
        summary="baseline: encoder and decoder, all steps at once",
        build=lambda config, backbone: Transformer(config.radio),
        module=__name__,
    )
)
