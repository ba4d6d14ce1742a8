"""What every network of this package offers, teacher or student (the teacher protocol).

`forward(csi)` is the plain predictor that is exported and timed; `predict(csi, relations=True)` also
hands out what distillation needs. GPT-2, Llama-like and Qwen-like teachers satisfy it alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from edgecsi.radio import RadioSetting


@dataclass(frozen=True)
class Relations:
    """Queries, keys and values of the last self-attention block, after LoRA and before any rotation.

    query, key, value: float [row, token, width] with row = user*antenna; the widths of key and value may
    be smaller than the query's (grouped-query attention). prompts: how many of the leading tokens are
    prompts; the others are the CSI history in time order.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    prompts: int


@dataclass(frozen=True)
class Prediction:
    """Future CSI float32 [user, antenna, P, K, 2] and, where asked for, what it came from.

    alignment: the semantic alignment term of CSI-ALM (eq. 30), a scalar; None for networks without it.
    """

    future: Tensor
    relations: Relations | None = None
    alignment: Tensor | None = None


class TaskNetwork(Protocol):
    """A predictor as training, distillation and export see it.

    One whose row says `relations` also has `relation_widths`: the widths of query, key and value by name.
    """

    radio: RadioSetting

    def __call__(self, csi: Tensor) -> Tensor:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        ...

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """The same with relations and the alignment term."""
        ...
