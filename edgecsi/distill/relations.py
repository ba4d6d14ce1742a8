"""Self-attention relation distillation (CSI-ALM eq. 22-25, after MiniLMv2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from edgecsi.distill.options import PARTS, Scope
from edgecsi.errors import ModelError
from edgecsi.models.prediction import Relations


def relation_loss(
    teacher: Relations, student: Relations, heads: int, scope: Scope, parts: Sequence[str] = PARTS
) -> Tensor:
    """KL(R_teacher || R_student), averaged over rows, heads and tokens and summed over QQ, KK and VV.

    Rows of the relation matrices are distributions over tokens; scope "csi" leaves the prompt tokens out
    (a causal teacher's prompts never see the CSI). Computed in FP32. Scalar.
    """
    loss = torch.zeros((), device=student.query.device)
    for part in parts:
        target = log_relations(_in_scope(getattr(teacher, part), teacher.prompts, scope), heads)
        output = log_relations(_in_scope(getattr(student, part), student.prompts, scope), heads)
        rows, _, tokens, _ = output.shape
        loss = loss + (target.exp() * (target - output)).sum() / (rows * heads * tokens)
    return loss


def log_relations(part: Tensor, heads: int) -> Tensor:
    """log softmax(A A^T / sqrt(d_r)), FP32: [row, token, width] -> [row, relation head, token, token]."""
    with torch.autocast(part.device.type, enabled=False):
        split = part.float().unflatten(-1, (heads, -1)).transpose(1, 2)
        scores = split @ split.transpose(-1, -2) / math.sqrt(split.shape[-1])
        return scores.log_softmax(dim=-1)


def check_heads(heads: int, teacher: Mapping[str, int], student: Mapping[str, int]) -> None:
    """ModelError unless the relation heads divide every width (name -> width) of both networks."""
    for who, widths in (("teacher", teacher), ("student", student)):
        for part, width in widths.items():
            if width % heads:
                common = math.gcd(*teacher.values(), *student.values())
                raise ModelError(
                    f"{heads} relation heads don't divide the {who}'s {part} width {width}; "
                    f"choose a divisor of {common}"
                )


def _in_scope(part: Tensor, prompts: int, scope: Scope) -> Tensor:
    return part[:, prompts:] if scope == "csi" else part
