"""Which operators of a graph can compute in INT8: those that multiply an activation with a constant weight.

Attention multiplies activations with activations. It stays as it is: that keeps the fused operator, and it
is a twentieth of the student's arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from onnx import GraphProto, NodeProto

from edgecsi.export.graph import read_graph

CHANNEL_AXIS = {"Conv": 1, "Gemm": -1, "MatMul": -1}  # of the output


@dataclass(frozen=True)
class Candidate:
    """One operator that can be quantized."""

    node: str  # its name in the graph
    label: str  # the layer that it came from
    operator: str
    activation: str  # its first input
    multiplications: int  # of one row: of a user, or of an antenna where antennas are rows


def candidates(graph: bytes) -> list[Candidate]:
    """The operators of a graph that can be quantized, in its order."""
    model = read_graph(graph)
    weights = {weight.name: math.prod(weight.dims) for weight in model.graph.initializer}
    sizes = {
        value.name: [max(1, dim.dim_value) for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    return [
        Candidate(
            node=node.name,
            label=_label(model.graph, node),
            operator=node.op_type,
            activation=node.input[0],
            multiplications=_multiplications(node, weights[node.input[1]], sizes[node.output[0]]),
        )
        for node in model.graph.node
        if node.op_type in CHANNEL_AXIS and node.input[1] in weights and node.input[0] not in weights
    ]


def _multiplications(node: NodeProto, weights: int, output: list[int]) -> int:
    return math.prod(output) * weights // output[CHANNEL_AXIS[node.op_type]]


def _label(graph: GraphProto, node: NodeProto) -> str:
    """The layer by its weight's name; where the exporter renamed that, by the bias that is added next."""
    names = [node.input[1]]
    names += [name for other in graph.node if node.output[0] in other.input for name in other.input]
    layers = [name.rpartition(".")[0] for name in names if name.endswith((".weight", ".bias"))]
    return layers[0] if layers else node.name
