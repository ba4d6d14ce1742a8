"""One graph rewrite: a product that is split into equal parts becomes one product per part.

Networks compute queries, keys and values in one product and split it. Engines copy the parts out before
attention reads them; OpenVINO spends a fifth of the student's time on that and on attention over the copies.
Apart, each part can also stay in higher precision by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRuleClassBase, RewriteRuleSet

PARTS = ("query", "key", "value")


class SeparateProjections(RewriteRuleClassBase):
    """Split(x @ weight + bias) in three along the last axis -> three products with constant weights."""

    def pattern(self, op: Any, x: Any, weight: Any, bias: Any) -> Any:
        """What is left of a Linear and `chunk` once constants are folded."""
        whole = op.Add(op.MatMul(x, weight), bias)
        return op.Split(whole, _allow_other_attributes=True, _outputs=list(PARTS))

    def check(self, context: Any, weight: ir.Value, bias: ir.Value, query: ir.Value, **_: Any) -> bool:
        """Only constants, and the last axis."""
        split = query.producer()
        last = split.attributes.get_int("axis", 0) in (-1, len(query.shape or ()) - 1)
        thirds = len(split.outputs) == len(PARTS) and weight.shape[-1] % len(PARTS) == 0
        return last and thirds and all(value.const_value is not None for value in (weight, bias))

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value, bias: ir.Value, **_: Any) -> Sequence[ir.Value]:
        """Query, key and value."""
        layer = bias.name.removesuffix(".bias")
        parts = zip(PARTS, *(_thirds(value) for value in (weight, bias)), strict=True)
        return [
            op.Add(
                op.MatMul(x, op.initializer(ir.tensor(matrix), f"{layer}.{part}.weight")),
                op.initializer(ir.tensor(offset), f"{layer}.{part}.bias"),
            )
            for part, matrix, offset in parts
        ]


def _thirds(value: ir.Value) -> list[np.ndarray]:
    whole = value.const_value.numpy()
    return [np.ascontiguousarray(part) for part in np.split(whole, len(PARTS), axis=-1)]


SEPARATE_PROJECTIONS = RewriteRuleSet([SeparateProjections.rule()])
