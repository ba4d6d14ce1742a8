"""CSI-ALM-Light: the student of the CSI-ALM paper, 348,596 parameters in its setting.

Conv1d embedding + soft prompt + three encoder layers + projection. Every antenna's CSI is one row of
T tokens with 2K features: real and imaginary part of each subcarrier, in the order in which they come (the
paper has all real parts first; engines spend a tenth of their time on that transposition).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from edgecsi.models.network import NETWORKS, Network, NetworkOptions
from edgecsi.models.prediction import Prediction, Relations
from edgecsi.models.scaling import normalise
from edgecsi.radio import RadioSetting

if TYPE_CHECKING:
    from edgecsi.models.backbones import Backbone
    from edgecsi.models.folder import ModelConfig


class CsiAlmLightOptions(NetworkOptions):
    """Its sizes; the defaults are the paper's."""

    width: int = Field(128, ge=2, le=4096, multiple_of=2, description="Channels of a token.")
    layers: int = Field(3, ge=1, le=64, description="Encoder layers.")
    heads: int = Field(8, ge=1, le=256, description="Attention heads; they divide the width.")
    feed_forward: int = Field(128, ge=1, le=16384, description="Channels inside the feed-forward layers.")
    prompts: int = Field(4, ge=1, le=256, description="Soft prompt tokens in front of the history.")

    @model_validator(mode="after")
    def _check_heads(self) -> CsiAlmLightOptions:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads don't divide a width of {self.width}")
        return self


class CsiAlmLight(nn.Module):
    """Student network. Input and output as in :class:`edgecsi.models.prediction.TaskNetwork`."""

    def __init__(self, radio: RadioSetting, options: CsiAlmLightOptions = CsiAlmLightOptions()) -> None:
        super().__init__()
        width = options.width
        self.radio, self.prompts = radio, options.prompts
        features, tokens = 2 * radio.subcarriers, options.prompts + radio.history
        self.embedding = nn.Linear(3 * features, width, bias=False)  # the Conv1d of the paper, kernel 3
        self.soft_prompt = nn.Parameter(0.02 * torch.randn(options.prompts, width))
        self.register_buffer("position", sinusoidal_position(radio.history, width), persistent=False)
        self.blocks = nn.ModuleList(
            EncoderLayer(width, options.heads, options.feed_forward) for _ in range(options.layers)
        )
        self.to_features = nn.Linear(width, features)
        self.to_future = nn.Linear(tokens, radio.future)

    def forward(self, csi: Tensor) -> Tensor:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        return self.predict(csi).future

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """Future CSI and, on request, the last block's queries, keys and values."""
        unit, rms, peak = normalise(csi)
        future, qkv = self.predict_rows(unit.flatten(3).flatten(0, 1))
        return Prediction(
            future=future.reshape(*csi.shape[:2], self.radio.future, -1, 2) * rms * peak,
            relations=Relations(*qkv, prompts=self.prompts) if relations else None,
        )

    @property
    def relation_widths(self) -> dict[str, int]:
        """Widths of query, key and value."""
        return dict.fromkeys(("query", "key", "value"), self.soft_prompt.shape[1])

    def predict_rows(self, rows: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """float [row, T, 2K] -> [row, P, 2K], and the last block's (query, key, value)."""
        # A token and its neighbours in time; the ends are each other's, as in the released code.
        around = torch.cat([rows.roll(1, dims=1), rows, rows.roll(-1, dims=1)], dim=-1)
        tokens = self.embedding(around) + self.position
        tokens = torch.cat([self.soft_prompt.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        for block in self.blocks[:-1]:
            tokens, _ = block(tokens)
        tokens, qkv = self.blocks[-1](tokens)

        return self.project(tokens), qkv

    def project(self, tokens: Tensor) -> Tensor:
        """[row, token, width] -> [row, P, 2K]: to_future(to_features(tokens)), over tokens first.

        Both are linear, so the order does not matter, but P steps take less time than all tokens, and little
        is lost where INT8 must leave them in floating point.
        """
        over_tokens, features = self.to_future, self.to_features
        steps = over_tokens.weight @ tokens  # [row, P, width]
        rest = torch.outer(over_tokens.weight.sum(dim=1) - 1, features.bias) + over_tokens.bias[:, None]
        return features(steps) + rest


class EncoderLayer(nn.Module):
    """Pre-norm transformer encoder layer; also returns its queries, keys and values [row, token, width].

    The paper does not say where the norms stand; in front they train faster at the same parameter count.
    """

    rounds_output = True  # of the residual sum, by training against rounding (edgecsi.training.rounding)

    def __init__(self, width: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, feed_forward), nn.GELU(), nn.Linear(feed_forward, width)
        )

    def forward(self, tokens: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """[row, token, width] -> the same, and (query, key, value)."""
        query, key, value = self.qkv(self.attention_norm(tokens)).chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(*(self._split(part) for part in (query, key, value)))
        mixed = mixed.transpose(1, 2).flatten(2)
        tokens = tokens + self.attention_out(mixed)
        return tokens + self.feed_forward(self.feed_forward_norm(tokens)), (query, key, value)

    def _split(self, part: Tensor) -> Tensor:
        return part.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def sinusoidal_position(tokens: int, width: int) -> Tensor:
    """The fixed position code of "Attention is all you need": float32 [token, width]."""
    step = torch.arange(tokens, dtype=torch.float32)[:, None]
    rate = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
    return torch.stack([torch.sin(step * rate), torch.cos(step * rate)], dim=-1).flatten(1)


def _build(config: ModelConfig, backbone: Backbone | None) -> nn.Module:
    return CsiAlmLight(config.radio, CsiAlmLightOptions(**config.options))


NETWORKS.register(
    Network(
        name="csi-alm-light",
        summary="the papers' student: a small transformer encoder",
        build=_build,
        options=CsiAlmLightOptions,
        relations=True,
        native_kernels=True,
        module=__name__,
    )
)
