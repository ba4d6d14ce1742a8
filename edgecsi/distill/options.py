"""How a student is distilled: the class that options, `--set` and recipes come from. No torch in here."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from edgecsi.training.options import TrainOptions

Part = Literal["query", "key", "value"]
Scope = Literal["all", "csi"]
PARTS: tuple[Part, ...] = get_args(Part)


def _once(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(dict.fromkeys(parts))


class DistillOptions(TrainOptions):
    """How a student learns from its teacher's self-attention relations (eq. 22-25 and 32)."""

    learning_rate: float | None = Field(3e-3, gt=0, le=1e9, description="Highest one.")
    weight: float = Field(0.1, ge=0, le=1e6, description="Of the relation loss (lambda 2).")
    relation_heads: int = Field(
        32, ge=1, le=65_536, description="A_r; must divide the widths of teacher and student."
    )
    relation_scope: Scope = Field("csi", description="csi: leave the prompt tokens out of the relations.")
    relation_parts: Annotated[tuple[Part, ...], AfterValidator(_once)] = Field(
        PARTS, min_length=1, description="Whose relations with themselves count (QQ, KK, VV), for ablations."
    )
