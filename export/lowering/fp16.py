"""FP16 between the first and the last operator with weights, FP32 outside of them and in reductions.

Raw channel coefficients (about 5e-6) underflow in FP16, so the normalisation in front of the first weighted
operator and the de-normalisation behind the last one keep FP32, as do the graph's input and output. The
types are explicit in the graph (strongly typed): an engine has nothing left to decide.

Equations that a network solves keep FP32 too, and so does what is predicted by their solution: their
entries are powers, whose range is the square of the signal's, and extrapolation amplifies rounding. They are
recognised by the reciprocals and logarithms taken of powers. A network that sees the logarithms is FP16, up
to its last products: they weigh solutions whose parts nearly cancel.

Why no ready converter: onnxruntime.transformers.float16 and its relatives round the graph's input to FP16
before a node that is kept in FP32 sees it, and every edge between two such nodes as well.
"""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from edgecsi.errors import BuildError
from edgecsi.export.graph import PRECISIONS, WEIGHTED, read_graph, value_types, write_graph

# Sums of many terms and their squares, which FP16 would round or overflow. Attention is not among them: it
# must be FP16 to be fused, and TensorRT's parser refuses the attribute `softmax_precision`.
REDUCTIONS = frozenset(
    {"LayerNormalization", "Pow", "ReduceMean", "ReduceSum", "RMSNormalization", "Softmax", "Sqrt"}
)
OF_POWERS = frozenset({"Log", "Reciprocal"})
# Where FP16 begins: TensorRT wants both factors of an INT8 product dequantized to the same type.
SOURCES = WEIGHTED | {"DequantizeLinear"}


def lower(graph: bytes) -> bytes:
    """FP32 ONNX graph -> the mixed graph described above. Raises BuildError for a graph that can't be."""
    model = read_graph(graph)
    half = _half_nodes(model.graph)
    if not half:
        raise BuildError(f"nothing to lower to FP16: the graph has none of {', '.join(sorted(WEIGHTED))}")
    lowering = _Lowering(model.graph)
    for index, node in enumerate(model.graph.node):
        lowering.add(node, TensorProto.FLOAT16 if index in half else TensorProto.FLOAT)
    for output in model.graph.output:
        if lowering.types[output.name] == TensorProto.FLOAT16:
            raise BuildError(f"{output.name} has no de-normalisation behind its last weighted operator")
    for field, items in (("node", lowering.nodes), ("initializer", lowering.weights.values())):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(items)
    return write_graph(model)


class _Lowering:
    """The nodes and weights of the new graph, written in order, casts where a type changes."""

    def __init__(self, graph: GraphProto) -> None:
        self.types = value_types(graph)  # of every value; turns to FLOAT16 as its node is added
        self.constants = {weight.name: weight for weight in graph.initializer}
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self.casts: set[str] = set()

    def add(self, node: NodeProto, kind: int) -> None:
        """Append a node that computes in `kind`."""
        for i, name in enumerate(node.input):
            node.input[i] = self._as(kind, name) if name else name
        if kind == TensorProto.FLOAT16:
            for name in node.output:
                if self.types.get(name) == TensorProto.FLOAT:
                    self.types[name] = kind
        self.nodes.append(node)

    def _as(self, kind: int, name: str) -> str:
        """Name of the value in that type: a weight is converted, an activation cast, an integer left."""
        old = self.types[name]
        changes = old in PRECISIONS and old != kind
        new = f"{name}_{PRECISIONS[kind]}" if changes else name
        if name in self.constants:
            weight = self.constants[name]
            self.weights[new] = _half(weight, new) if changes else weight
        elif changes and new not in self.casts:
            self.casts.add(new)
            self.nodes.append(helper.make_node("Cast", [name], [new], name=f"cast_{new}", to=kind))
        return new


def _half_nodes(graph: GraphProto) -> set[int]:
    """Indices of the nodes that compute in FP16: the sources, and what lies between two of them."""
    behind: set[str] = set()  # values that depend on a source
    for node in graph.node:
        if node.op_type in SOURCES or behind.intersection(node.input):
            behind.update(node.output)
    half: set[int] = set()
    needed: set[str] = set()  # values that a source depends on
    for index, node in reversed(list(enumerate(graph.node))):
        if node.op_type in SOURCES or needed.intersection(node.output):
            needed.update(node.input)
            if behind.intersection(node.output) and node.op_type not in REDUCTIONS:
                half.add(index)
    return half - _solving(graph)


def _solving(graph: GraphProto) -> set[int]:
    """Indices of the nodes that solve equations, and of those that apply what was solved.

    A power is what a logarithm or reciprocal is taken of. What it depends on is exact, and so is whatever
    comes of something exact; only a logarithm is worth no more than FP16, from the next source on.
    """
    powers: set[str] = set()  # values that a logarithm or reciprocal depends on
    solving: set[int] = set()
    for index, node in reversed(list(enumerate(graph.node))):
        if node.op_type in OF_POWERS or powers.intersection(node.output):
            powers.update(node.input)
            solving.add(index)
    constants = {weight.name for weight in graph.initializer} | {""}
    exact: set[str] = set()
    logarithms: set[str] = set()
    for index, node in enumerate(graph.node):
        if node.op_type == "Log":
            logarithms.update(node.output)
        elif index in solving or exact.intersection(node.input):
            exact.update(node.output)
            solving.add(index)
        elif node.op_type not in SOURCES and logarithms.issuperset(set(node.input) - constants):
            logarithms.update(node.output)
            solving.add(index)
    return solving | _weighing(graph, solving)


def _weighing(graph: GraphProto, solving: set[int]) -> set[int]:
    """Indices of the nodes between the last sources, themselves included, and what was solved."""
    found: set[int] = set()
    wanted = {name for index in solving for name in graph.node[index].input}
    for index, node in reversed(list(enumerate(graph.node))):
        if index not in solving and wanted.intersection(node.output):
            found.add(index)
            if node.op_type not in SOURCES:
                wanted.update(node.input)
    return found


def _half(weight: TensorProto, name: str) -> TensorProto:
    values = numpy_helper.to_array(weight)
    peak = np.abs(values[np.isfinite(values)]).max(initial=0)
    if peak > np.finfo(np.float16).max:
        raise BuildError(f"weight {weight.name} reaches {peak:.3g}, beyond FP16's 65504")
    return numpy_helper.from_array(values.astype(np.float16), name)
