"""Reading and writing ONNX graphs, and what they say of their precision; the user's errors in one line."""

from __future__ import annotations

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from edgecsi.bundle import Signature, TensorSpec
from edgecsi.errors import BuildError

WEIGHTED = frozenset({"Attention", "Conv", "Einsum", "Gemm", "MatMul"})  # where the arithmetic is
PRECISIONS = {TensorProto.FLOAT: "fp32", TensorProto.FLOAT16: "fp16"}


def read_graph(graph: bytes) -> ModelProto:
    """Parse a graph and infer the type of every value. Raises BuildError if it is no valid ONNX graph."""
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph), strict_mode=True)
    except (DecodeError, onnx.shape_inference.InferenceError) as error:
        raise BuildError(f"not a valid ONNX graph: {first_line(error)}") from error
    if not model.graph.input:
        raise BuildError("not a valid ONNX graph: it has no input")
    return model


def write_graph(model: ModelProto) -> bytes:
    """Check a graph and serialise it; equal graphs give equal bytes. Raises BuildError if it is not valid."""
    # Inferred shapes may be out of date, and with the exporter's own ONNX Runtime fuses Add and
    # LayerNormalization into a kernel that takes five times as long as the two (350 against 65 us).
    model.graph.ClearField("value_info")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise BuildError(f"not a valid ONNX graph: {first_line(error)}") from error
    return model.SerializeToString(deterministic=True)


def value_types(graph: GraphProto) -> dict[str, int]:
    """Element type of every value of a graph from :func:`read_graph`, by name."""
    values = (*graph.input, *graph.output, *graph.value_info)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {weight.name: weight.data_type for weight in graph.initializer}


def graph_signature(graph: bytes) -> Signature:
    """The first input and output of a graph, as an engine has them; without names of axes and units."""
    model = read_graph(graph)
    ends = (model.graph.input[0], model.graph.output[0])
    return Signature(**{kind: _spec(end) for kind, end in zip(("input", "output"), ends, strict=True)})


def _spec(end: ValueInfoProto) -> TensorSpec:
    sizes = [dim.dim_value or None for dim in end.type.tensor_type.shape.dim]
    axes = ("user", *(f"axis {i}" for i in range(1, len(sizes))))
    return TensorSpec(name=end.name, axes=axes, dims=tuple(sizes), unit="as in the graph")


def quantized_nodes(graph: bytes) -> list[str]:
    """Names of the weighted nodes with two dequantized inputs: what an engine should compute in INT8."""
    return [node.name for node in quantized_products(read_graph(graph).graph)]


def quantized_products(graph: GraphProto) -> list[NodeProto]:
    """The weighted nodes with two dequantized inputs."""
    dequantized = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return [n for n in graph.node if n.op_type in WEIGHTED and dequantized.issuperset(n.input[:2])]


def count_weighted(graph: bytes) -> dict[str, int]:
    """How many weighted operators of a graph compute in "fp32" and in "fp16"."""
    model = read_graph(graph)
    types = value_types(model.graph)
    found = [types[node.output[0]] for node in model.graph.node if node.op_type in WEIGHTED]
    return {precision: found.count(kind) for kind, precision in PRECISIONS.items()}


def count_quantized(graph: bytes) -> dict[str, int]:
    """How many Q and DQ nodes a graph has: "QUANTIZE" and "DEQUANTIZE"."""
    kinds = [node.op_type for node in read_graph(graph).graph.node]
    return {"QUANTIZE": kinds.count("QuantizeLinear"), "DEQUANTIZE": kinds.count("DequantizeLinear")}


def first_line(error: object) -> str:
    """What a library's exception says, short enough for one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
