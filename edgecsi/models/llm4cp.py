"""LLM4CP: an LLM as channel predictor, its attention and feed-forward layers frozen (Liu et al., JCIN 2024).

Reads top to bottom like the paper: preprocess into the frequency and the delay domain and into patches
(IV-A), CSI attention in both, their sum embedded (IV-B), six LLM blocks of which only the norms and learned
positions are trained (IV-C), project (IV-D). The paper normalises per batch; here it is per user, as in every
network.

The sequence stays T tokens long, as in LLM4CP's published program and in CSI-ALM. Parameters at the papers'
shape, word embeddings aside: with `gpt2`, the paper's own backbone, 1,617,248 of 44.1 M are trained; with
`smollm2` 781,280 of 22.0 M.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from edgecsi.models.backbones import Backbone
from edgecsi.models.complex_pair import inverse_dft
from edgecsi.models.csi_alm import LastBlockTap, projection_widths
from edgecsi.models.csi_alm_light import sinusoidal_position
from edgecsi.models.cssa import PATCH, ChannelAttentionBlock, why_not_patches
from edgecsi.models.network import NETWORKS, Network
from edgecsi.models.prediction import Prediction, Relations
from edgecsi.models.rows import RowNetwork
from edgecsi.radio import RadioSetting

if TYPE_CHECKING:
    from edgecsi.models.folder import ModelConfig

ATTENTION_WIDTH, ATTENTION_BLOCKS = 64, 4
TRAINED = ("norm", "ln_", "wpe")  # parts of names: norms of Llama and Qwen2, norms and positions of GPT-2


class Llm4cp(RowNetwork):
    """LLM4CP over any backbone."""

    def __init__(self, radio: RadioSetting, backbone: Backbone) -> None:
        super().__init__(radio)
        features, width = 2 * radio.subcarriers, backbone.width
        self.register_buffer("to_delay", delay_matrix(radio.subcarriers), persistent=False)
        self.frequency_attention, self.delay_attention = CsiAttention(), CsiAttention()
        self.embedding = nn.Linear(features, width)
        self.register_buffer("position", sinusoidal_position(radio.history, width), persistent=False)
        self.over_time = nn.Linear(radio.history, radio.history)
        self.llm = backbone.model
        for name, parameter in self.llm.named_parameters():
            parameter.requires_grad_(any(part in name for part in TRAINED))
        self.to_features = nn.Linear(width, features)
        self.to_future = nn.Linear(radio.history, radio.future)

    def predict_rows(self, rows: Tensor) -> Tensor:
        """float [row, T, 2K] -> [row, P, 2K]."""
        mixed = self.frequency_attention(rows) + self.delay_attention(rows @ self.to_delay)
        tokens = self.embedding(mixed) + self.position
        tokens = self.over_time(tokens.transpose(1, 2)).transpose(1, 2)
        hidden = self.llm(inputs_embeds=tokens).last_hidden_state
        features = self.to_features(hidden)  # [row, token, 2K]
        return self.to_future(features.transpose(1, 2)).transpose(1, 2)

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """Future CSI and, on request, the last block's queries, keys and values; there are no prompts."""
        with LastBlockTap(self.llm, relations) as tap:
            future = self(csi)
        return Prediction(future, Relations(*tap.qkv(), prompts=0) if relations else None)

    @property
    def relation_widths(self) -> dict[str, int]:
        """Widths of query, key and value."""
        return projection_widths(self.llm)


class CsiAttention(nn.Module):
    """Mix inside patches of 4 steps, then residual blocks with channel attention over the T x K image.

    float [row, T, 2K] -> the same shape.
    """

    def __init__(self) -> None:
        super().__init__()
        self.within_patch = nn.Linear(PATCH, PATCH)
        self.blocks = nn.Sequential(
            nn.Conv2d(2, ATTENTION_WIDTH, 3, padding=1),
            *(ChannelAttentionBlock(ATTENTION_WIDTH, squeeze=1) for _ in range(ATTENTION_BLOCKS)),
            nn.Conv2d(ATTENTION_WIDTH, 2, 3, padding=1),
        )

    def forward(self, rows: Tensor) -> Tensor:
        """rows: float [row, T, 2K], T a multiple of 4."""
        patches = rows.transpose(1, 2).unflatten(-1, (-1, PATCH))  # [row, 2K, T', N]
        mixed = self.within_patch(patches).flatten(2).unflatten(1, (2, -1))  # [row, 2, K, T]
        return self.blocks(mixed.transpose(2, 3)).transpose(1, 2).flatten(2)


def delay_matrix(subcarriers: int) -> Tensor:
    """Unitary inverse DFT over subcarriers as one real matrix, real parts first: float32 [2K, 2K]."""
    return inverse_dft(subcarriers).transpose(0, 1).reshape(2 * subcarriers, 2 * subcarriers).float()


def _build(config: ModelConfig, backbone: Backbone | None) -> nn.Module:
    assert backbone is not None  # build_network sees to it
    return Llm4cp(config.radio, backbone)


NETWORKS.register(
    Network(
        name="llm4cp",
        summary="an LLM as predictor, its attention and feed-forward layers frozen",
        build=_build,
        backbone=True,
        relations=True,
        why_not=why_not_patches,
        module=__name__,
    )
)
