"""Where the arithmetic of a graph is: its multiplications per data type, and its fused attention.

Counted are the products that a network has its weights and its attention in; what operators multiply one by
one, as a normalisation does, is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, helper

from edgecsi.errors import BuildError
from edgecsi.export.graph import PRECISIONS, WEIGHTED, first_line, quantized_products, read_graph, value_types

Shape = tuple[int, ...]


def arithmetic(
    graph: bytes, computes_fp32_in: str = "fp32", left_in_float: Collection[str] = ()
) -> tuple[dict[str, float], int]:
    """Share of the multiplications per data type, largest first, and the number of Attention operators.

    A product of two dequantized values counts as "int8", any other by the type of its values.

    Args:
        graph: FP32, FP16 or Q/DQ.
        computes_fp32_in: what FP32 products become in the engine, as "bf16".
        left_in_float: names of products with Q/DQ that the engine computes in float all the same.

    Raises:
        BuildError: it is no graph, or none that ONNX Runtime runs.
    """
    model = read_graph(graph)
    types = value_types(model.graph)
    quantized = {node.output[0] for node in quantized_products(model.graph)}
    products = [node for node in model.graph.node if node.op_type in WEIGHTED]
    shapes = _shapes(model, products)
    counts: dict[str, int] = {}
    for node in products:
        if node.output[0] in quantized and node.name not in left_in_float:
            kind = "int8"
        else:
            kind = PRECISIONS.get(types[node.output[0]], "other")
            kind = computes_fp32_in if kind == "fp32" else kind
        counts[kind] = counts.get(kind, 0) + _multiplications(node, shapes)
    total = sum(counts.values()) or 1
    attention = sum(node.op_type == "Attention" for node in model.graph.node)
    order = sorted(counts, key=counts.__getitem__, reverse=True)
    return {kind: counts[kind] / total for kind in order}, attention


def _shapes(model: ModelProto, products: list[NodeProto]) -> dict[str, Shape]:
    """Shapes of what goes into and comes out of the products for one user.

    They are looked at while the graph runs: shape inference gives up on sizes that the graph computes.
    """
    graph = model.graph
    found = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    names = dict.fromkeys(name for node in products for name in (*node.input, *node.output) if name)
    given = graph.input[0].name
    wanted = [name for name in names if name not in found and name != given]
    ends = {end.name for end in graph.output}
    graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted if name not in ends)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        dims = session.get_inputs()[0].shape
        user = np.ones([dim if isinstance(dim, int) else 1 for dim in dims], np.float32)
        values = session.run(wanted, {given: user}) if wanted else []
    except Exception as error:  # its exceptions share no base class
        raise BuildError(f"ONNX Runtime can't run the graph: {first_line(error)}") from error
    shapes = {name: value.shape for name, value in zip(wanted, values, strict=True)}
    return {**found, **shapes, given: user.shape}


def _multiplications(node: NodeProto, shapes: dict[str, Shape]) -> int:
    """Of one operator of WEIGHTED."""
    given = [shapes[name] for name in node.input if name]
    return _COUNTS[node.op_type](node, given, shapes[node.output[0]])


def _matmul(node: NodeProto, given: list[Shape], output: Shape) -> int:
    return math.prod(output) * given[0][-1]


def _gemm(node: NodeProto, given: list[Shape], output: Shape) -> int:
    return math.prod(output) * given[0][0 if _integer(node, "transA") else 1]


def _conv(node: NodeProto, given: list[Shape], output: Shape) -> int:
    return math.prod(output) * math.prod(given[1][1:])


def _einsum(node: NodeProto, given: list[Shape], output: Shape) -> int:
    """Every combination of the indices once; a sum over one operand multiplies nothing."""
    equation = next(a.s.decode() for a in node.attribute if a.name == "equation")
    terms = re.sub(r"\s", "", equation).partition("->")[0].split(",")
    if "." in equation:
        raise BuildError(f"Einsum {node.name!r}: an ellipsis in {equation!r} is not counted")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, given, strict=True):
        sizes.update(zip(term, shape, strict=True))
    return math.prod(sizes.values()) * (len(terms) - 1)


def _attention(node: NodeProto, given: list[Shape], output: Shape) -> int:
    """Scores and their mix, of [batch, head, token, channel] or [batch, token, all heads' channels]."""
    query, key, value = given[:3]
    heads = query[1] if len(query) == 4 else _integer(node, "q_num_heads")
    shared = key[1] if len(key) == 4 else _integer(node, "kv_num_heads")
    channels, mixed = (
        shape[-1] if len(shape) == 4 else shape[-1] // count
        for shape, count in ((query, heads), (value, shared))
    )
    return query[0] * heads * query[-2] * key[-2] * (channels + mixed)


def _integer(node: NodeProto, name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)


_COUNTS: dict[str, Callable[[NodeProto, list[Shape], Shape], int]] = {
    "Attention": _attention,
    "Conv": _conv,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
