"""What an FP16 graph computes, on a CPU: FP32 arithmetic with every FP16 tensor rounded to FP16.

ONNX Runtime's CPU provider computes FP16 operators in FP32 and keeps the result in FP32 where the next one
wants that, so its output is no FP16 reference. Here every operator's FP16 output goes through a pair of
casts, FP32 -> FP16 -> FP32, which no optimisation of ONNX Runtime removes. Two differences to a GPU
remain: fused operators round less often there (a bias added before rounding), and what a fused
attention kernel rounds inside is its own affair: here it sums in FP32.
"""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from edgecsi.errors import BuildError
from edgecsi.export.graph import read_graph, value_types, write_graph

FP16_MAX = 65504.0
PEAKS = "fp16_peaks"
# Operators that only move values: what was rounded once stays so.
MOVES = frozenset({"Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze"})
MOVES |= {"Transpose", "Unsqueeze"}


class EmulatedEngine:
    """An :class:`edgecsi.runtime.Engine` that runs a lowered graph as :func:`emulate_fp16` describes."""

    max_users = None

    def __init__(self, lowered: bytes, threads: int | None = None) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        graph, self._rounded = emulate_fp16(lowered)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [user, *input dims] -> float32 [user, *output dims].

        Raises BuildError if a value leaves FP16's range, naming the tensor.
        """
        output, *peaks = self._session.run(None, {self._input: inputs})
        for name, peak in zip(self._rounded, peaks[0] if peaks else (), strict=True):
            if not peak <= FP16_MAX:
                raise BuildError(f"FP16 overflows: {name} reaches {peak:.3g}, beyond {FP16_MAX:.0f}")
        return output


def emulate_fp16(lowered: bytes) -> tuple[bytes, list[str]]:
    """FP32 graph that rounds wherever `lowered` has an FP16 tensor, and the names of those tensors.

    It has a second output, `fp16_peaks` float32 [tensor]: the largest magnitude in each before rounding.
    """
    model = read_graph(lowered)
    graph = model.graph
    halves = {name for name, kind in value_types(graph).items() if kind == TensorProto.FLOAT16}
    nodes: list[NodeProto] = []
    rounded: list[str] = []
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
        nodes.append(node)
        for i, name in enumerate(node.output):
            if name in halves and node.op_type not in MOVES:
                node.output[i] = f"{name}_exact"
                nodes += _rounding(name)
                rounded.append(name)
    if rounded:
        nodes.append(helper.make_node("Concat", [f"{name}_peak" for name in rounded], [PEAKS], axis=0))
        graph.output.append(helper.make_tensor_value_info(PEAKS, TensorProto.FLOAT, [len(rounded)]))
    weights = [_to_fp32(weight) for weight in graph.initializer]
    weights.append(numpy_helper.from_array(np.array([1]), "peak_shape"))
    for field, items in (("node", nodes), ("initializer", weights)):
        graph.ClearField(field)
        getattr(graph, field).extend(items)
    return write_graph(model), rounded


def _rounding(name: str) -> list[NodeProto]:
    """Nodes from `<name>_exact` to `name` and `<name>_peak` [1]."""
    exact, half, size, peak = (f"{name}_{part}" for part in ("exact", "half", "size", "peak"))
    return [
        helper.make_node("Cast", [exact], [half], to=TensorProto.FLOAT16),
        helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT),
        helper.make_node("Abs", [exact], [size]),
        helper.make_node("ReduceMax", [size], [f"{peak}_scalar"], keepdims=0),
        helper.make_node("Reshape", [f"{peak}_scalar", "peak_shape"], [peak]),
    ]


def _to_fp32(weight: TensorProto) -> TensorProto:
    if weight.data_type != TensorProto.FLOAT16:
        return weight
    return numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float32), weight.name)
