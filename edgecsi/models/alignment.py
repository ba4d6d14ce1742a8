"""Cross-modal alignment of CSI with the LLM's word space, and semantic prompts (CSI-ALM, eq. 11-19).

The dictionary is constant, so its keys, values and anchors don't depend on the input: an exported graph
holds them as constants.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEADS = 16
PROTOTYPES = 384
ANCHORS = 100
PROMPTS = 4


class CrossModalAlignment(nn.Module):
    """Rewrite CSI tokens in terms of the dictionary: [row, token, width] -> Y_text of the same shape."""

    def __init__(self, width: int, dictionary: Tensor) -> None:
        super().__init__()
        self.register_buffer("dictionary", dictionary, persistent=False)
        heads = HEADS if width % HEADS == 0 else 4
        self.within_csi = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True)
        self.prototypes = nn.Linear(dictionary.shape[0], PROTOTYPES)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.gate = nn.Linear(2 * width, width)
        self.heads = heads

    def forward(self, tokens: Tensor) -> Tensor:
        """Y_text = g * Y_cross + (1 - g) * Y_time."""
        y_time = self.within_csi(tokens)
        y_cross = self._attend_to_dictionary(y_time)
        gate = torch.sigmoid(self.gate(torch.cat([y_cross, y_time], dim=-1)))
        return gate * y_cross + (1 - gate) * y_time

    def _attend_to_dictionary(self, y_time: Tensor) -> Tensor:
        words = self.prototypes(self.dictionary.T).T  # [PROTOTYPES, width]
        key = self._split(self.key(words)[None]).expand(y_time.shape[0], -1, -1, -1)
        value = self._split(self.value(words)[None]).expand(y_time.shape[0], -1, -1, -1)
        mixed = F.scaled_dot_product_attention(self._split(self.query(y_time)), key, value)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, part: Tensor) -> Tensor:
        return part.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class SemanticPrompts(nn.Module):
    """The anchors of the dictionary that look most like a row's CSI, to be put in front of it."""

    def __init__(self, dictionary: Tensor) -> None:
        super().__init__()
        self.register_buffer("dictionary", dictionary, persistent=False)
        self.anchors = nn.Linear(dictionary.shape[0], ANCHORS)

    def forward(self, y_text: Tensor) -> Tensor:
        """[row, token, width] -> the K = 4 anchors most similar to the mean token: [row, 4, width]."""
        anchors = self.anchors(self.dictionary.T).T  # [ANCHORS, width]
        similarity = F.cosine_similarity(y_text.mean(1)[:, None], anchors[None], dim=-1)
        return anchors[similarity.topk(PROMPTS, dim=-1).indices]


def alignment_score(y_text: Tensor, prompts: Tensor) -> Tensor:
    """Mean cosine similarity of the CSI's mean token with its selected prompts (eq. 30): a scalar."""
    return F.cosine_similarity(y_text.float().mean(1)[:, None], prompts.float(), dim=-1).mean()
