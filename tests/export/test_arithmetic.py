"""Multiplications are counted on graphs whose numbers can be counted by hand."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecsi.errors import BuildError
from edgecsi.export.arithmetic import arithmetic
from edgecsi.export.graph import quantized_nodes
from edgecsi.export.lowering import fp16


def share(nodes, weights=(), dims=(2, 4, 6)):
    """Per name of a node: its share of the multiplications in a graph csi_history [user, *dims] -> x."""
    initializers = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights]
    graph = helper.make_graph(
        [helper.make_node(kind, given, [name], name=name, **options) for name, kind, given, options in nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["user", *dims])],
        [helper.make_tensor_value_info(nodes[-1][0], TensorProto.FLOAT, None)],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    return arithmetic(model.SerializeToString())


def relative_count(node, weights=(), dims=(2, 4, 6)):
    """Multiplications of a node, found by its share beside a product of 2*4*6*10 = 480 that is FP16."""
    name, *_ = node
    halves = [
        ("half", "Cast", ["x"], {"to": TensorProto.FLOAT16}),
        ("half_w", "Cast", ["w10"], {"to": TensorProto.FLOAT16}),
        ("product", "MatMul", ["half", "half_w"], {}),
        ("wide", "Cast", ["product"], {"to": TensorProto.FLOAT}),
        ("zero", "ReduceSum", ["wide"], {"keepdims": 0}),
        ("end", "Add", [name, "zero"], {}),
    ]
    found, _ = share([node, *halves], [*weights, ("w10", (dims[-1], 10))], dims)
    known = int(np.prod(dims)) * 10
    return round(found.get("fp32", 0) / found["fp16"] * known)


CASES = {
    "matrix": (("y", "MatMul", ["x", "w"], {}), [("w", (6, 5))], 2 * 4 * 6 * 5),
    "batched": (("y", "MatMul", ["x", "w"], {}), [("w", (2, 6, 3))], 2 * 4 * 6 * 3),
    "with itself": (("y", "Einsum", ["x", "x"], {"equation": "uatk,uask->uats"}), [], 2 * 4 * 4 * 6),
    "einsum": (("y", "Einsum", ["x", "w"], {"equation": "uatk, ts -> uask"}), [("w", (4, 3))], 2 * 4 * 3 * 6),
    "of one": (("y", "Einsum", ["x"], {"equation": "uatk->uak"}), [], 0),
    "convolution": (
        ("y", "Conv", ["x", "w"], {"pads": [1, 1, 1, 1]}), [("w", (5, 2, 3, 3))], 5 * 4 * 6 * 2 * 9,
    ),
    "grouped": (
        ("y", "Conv", ["x", "w"], {"group": 2, "pads": [0, 1, 0, 1]}), [("w", (4, 1, 1, 3))], 4 * 4 * 6 * 3,
    ),
    "attention by heads": (("y", "Attention", ["x", "x", "x"], {}), [], 2 * 4 * 4 * 6 * 2),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_counts_what_one_user_takes(case):
    node, weights, wanted = CASES[case]
    assert relative_count(node, weights) == wanted


def test_counts_attention_whose_heads_are_inside_the_channels():
    """[user, token, channel]: 2 heads of 3 channels; every head scores 4x4 pairs and mixes them."""
    node = ("y", "Attention", ["x", "x", "x"], {"q_num_heads": 2, "kv_num_heads": 2})
    assert relative_count(node, dims=(4, 6)) == 4 * 4 * 6 * 2


def test_counts_transposed_products_of_matrices():
    node = ("y", "Gemm", ["x", "w"], {"transB": 1})
    assert relative_count(node, [("w", (5, 6))], dims=(6,)) == 6 * 5


def test_sizes_that_the_graph_computes_are_known():
    nodes = [
        ("all", "ReduceSum", ["x"], {"keepdims": 0}),
        ("whole", "Cast", ["all"], {"to": TensorProto.INT64}),
        ("none", "Sub", ["whole", "whole"], {}),
        ("starts", "Reshape", ["none", "shape"], {}),
        ("cut", "Slice", ["x", "starts", "ends", "axes"], {}),
        ("y", "MatMul", ["cut", "w"], {}),
    ]
    initializers = {"shape": [1], "ends": [3], "axes": [2]}
    graph = helper.make_graph(
        [helper.make_node(kind, given, [name], name=name, **options) for name, kind, given, options in nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["user", 2, 4, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.ones((6, 5), np.float32), "w"),
            *(numpy_helper.from_array(np.array(value), name) for name, value in initializers.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)

    assert arithmetic(model.SerializeToString()) == ({"fp32": 1.0}, 0)


def test_a_student_in_every_precision(student_onnx, quantized_onnx):
    assert arithmetic(student_onnx) == ({"fp32": 1.0}, 3)
    assert arithmetic(student_onnx, "bf16") == ({"bf16": 1.0}, 3)
    assert arithmetic(fp16.lower(student_onnx)) == ({"fp16": 1.0}, 3)
    mixed, kernels = arithmetic(quantized_onnx)
    assert list(mixed) == ["int8", "fp32"]  # attention and the product over steps stay in float
    assert mixed["int8"] == pytest.approx(0.95, abs=0.03)
    assert arithmetic(quantized_onnx, "bf16")[0] == {"int8": mixed["int8"], "bf16": mixed["fp32"]}
    assert arithmetic(fp16.lower(quantized_onnx))[0] == pytest.approx(
        {"int8": mixed["int8"], "fp16": mixed["fp32"]}
    )
    assert kernels == 3


def test_what_an_engine_leaves_in_float_is_no_int8(quantized_onnx):
    names = quantized_nodes(quantized_onnx)
    assert arithmetic(quantized_onnx, left_in_float=names)[0] == {"fp32": 1.0}
    part = arithmetic(quantized_onnx, left_in_float=names[:3])[0]
    assert 0 < part["int8"] < arithmetic(quantized_onnx)[0]["int8"]


def test_a_graph_without_products_has_no_shares():
    assert share([("y", "Neg", ["x"], {})]) == ({}, 0)


def test_no_graph_is_one_line():
    with pytest.raises(BuildError, match="not a valid ONNX graph"):
        arithmetic(b"no graph")
