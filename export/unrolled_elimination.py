"""The operator `edgecsi::Eliminate` of edgecsi.models.elimination as ONNX operators, written one by one.

Tracing and optimizing them takes the exporter minutes; here they take a fraction of a second. What each does
stands there: the two are held together by the check of every export.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from edgecsi.models import elimination

DOMAIN = elimination.OPERATOR.partition("::")[0]


def unroll(model: ModelProto) -> None:
    """Replace each elimination of a graph by the operators that it consists of."""
    graph = model.graph
    if not any(node.domain == DOMAIN for node in graph.node):
        return
    writer, nodes = _Writer(), []
    for index, node in enumerate(graph.node):
        if node.domain != DOMAIN:
            nodes.append(node)
            continue
        sizes = {attribute.name: attribute.i for attribute in node.attribute}
        writer.begin(f"eliminate_{index}")
        writer.eliminate(node, sizes["sides"], sizes["size"])
        nodes += writer.nodes
    graph.ClearField("node")
    graph.node.extend(nodes)
    graph.initializer.extend(writer.constants.values())
    kept = [opset for opset in model.opset_import if opset.domain != DOMAIN]
    model.ClearField("opset_import")
    model.opset_import.extend(kept)


class _Writer:
    """Nodes in order, with names that no other elimination has, and the constants that all share."""

    def __init__(self) -> None:
        self.constants: dict[str, TensorProto] = {}
        self.nodes: list[NodeProto] = []
        self.prefix = ""

    def begin(self, prefix: str) -> None:
        """Start the nodes of another elimination."""
        self.prefix, self.nodes = prefix, []

    def eliminate(self, node: NodeProto, sides: int, size: int) -> None:
        """As `edgecsi.models.elimination.eliminate_columns`."""
        matrix, right, identity = node.input
        rows = self._add("Concat", [matrix, right], axis=1)
        turned, solved, inverses = [], [], []
        for start in range(0, size, elimination.PANEL):
            width, left = min(elimination.PANEL, size - start), size - start
            joining = self._slice(self._slice(identity, 1, start, start + width), 2, start, size)
            rows = self._add("Concat", [rows, joining], axis=1)
            others = ""
            if width < left:
                rows, others = self._split(rows, 2, (width, left - width))
            panel, inverse = self._panel(rows, width)
            known, past = self._split(panel, 1, (left, sides + start + width))
            seen, ridden = self._split(past, 1, (sides, start + width))
            solved.append(seen)
            turned.append(self._pad(ridden, left - width))
            inverses.append(inverse)
            if others:
                _, beside = self._split(known, 1, (width, left - width))
                _, below = self._split(panel, 1, (width, size + sides))
                scaled = self._add("Mul", [below, inverse])
                turn = self._add("Transpose", [beside], perm=[0, 2, 1])
                _, others = self._split(others, 1, (width, size + sides))
                rows = self._add("Sub", [others, self._add("MatMul", [scaled, turn])])
        for parts, output in zip((turned, solved, inverses), node.output, strict=True):
            self._add("Concat", parts, output, axis=2)

    def _panel(self, rows: str, width: int) -> tuple[str, str]:
        """As `edgecsi.models.elimination.eliminate_panel`."""
        columns, inverses = [], []
        least = self._constant(np.float32(elimination.LEAST))
        for j in range(width):
            pivot = self._slice(rows, 1, j, j + 1)
            column, others, beside = rows, "", ""
            if j < width - 1:
                column, others = self._split(rows, 2, (1, width - 1 - j))
                pivot, beside = self._split(pivot, 2, (1, width - 1 - j))
            inverse = self._add("Reciprocal", [self._add("Max", [pivot, least])])
            columns.append(column)
            inverses.append(inverse)
            if others:
                known = self._add("Mul", [column, self._add("Mul", [beside, inverse])])
                rows = self._add("Sub", [others, known])
        if width == 1:
            return columns[0], inverses[0]
        return self._add("Concat", columns, axis=2), self._add("Concat", inverses, axis=2)

    def _add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        name = f"{self.prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output or name], name, **attributes))
        return output or name

    def _split(self, value: str, axis: int, parts: tuple[int, int]) -> tuple[str, str]:
        name = f"{self.prefix}_{len(self.nodes)}"
        outputs = [f"{name}_0", f"{name}_1"]
        inputs = [value, self._constant(np.array(parts, np.int64))]
        self.nodes.append(helper.make_node("Split", inputs, outputs, name, axis=axis))
        return outputs[0], outputs[1]

    def _slice(self, value: str, axis: int, start: int, end: int) -> str:
        ends = (self._constant(np.array([place], np.int64)) for place in (start, end, axis))
        return self._add("Slice", [value, *ends])

    def _pad(self, value: str, below: int) -> str:
        if not below:
            return value
        return self._add("Pad", [value, self._constant(np.array([0, 0, 0, 0, below, 0], np.int64))])

    def _constant(self, value: np.ndarray | np.float32) -> str:
        words = "_".join(str(part) for part in np.atleast_1d(value))
        name = f"eliminate_{np.asarray(value).dtype}_{words}"
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name
