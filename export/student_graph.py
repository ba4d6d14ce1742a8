"""The weights of a CSI-ALM-Light or CSI-ALM-Light-Delta, found again in its ONNX graph.

A bundle holds the graph and not the model folder, and an engine is built from a bundle without torch. The
graph is walked from its output to its input, as `edgecsi/models/csi_alm_light.py` reads from its end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper

from edgecsi.errors import BuildError
from edgecsi.export.graph import read_graph

Array = NDArray[np.float32]
Weights = dict[str, Array]  # of a layer


class StudentGraph:
    """Sizes and weights of the student. Raises BuildError where the graph is none.

    weights: those outside of the layers, by their names in the layout of native engines. layers: those of
    each layer. sizes: by the same layout.
    """

    def __init__(self, graph: bytes) -> None:
        model = read_graph(graph).graph
        self._producers = {name: node for node in model.node for name in node.output}
        self._constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.initializer}
        self.weights: Weights = {}
        self.layers: list[Weights] = []
        tokens = self._read_end(model.output[0].name)
        while self._producer(tokens).op_type != "Concat":
            tokens = self._read_layer(tokens)
        self._read_start(self._producer(tokens))
        if not self.layers:
            raise BuildError(f"{_ONLY}; this graph has no layer with attention")
        self.sizes = {
            "antennas": model.input[0].type.tensor_type.shape.dim[1].dim_value,
            "history": len(self.weights["position"]),
            "future": len(self.weights["to_future"]),
            "features": self.weights["to_features"].shape[1],
            "prompts": len(self.weights["prompt"]),
            "width": self.weights["embedding"].shape[1],
            "feed_forward": self.layers[0]["feed"].shape[1],
            "heads": self.heads,
            "layers": len(self.layers),
            "delta": int(self.delta),
        }

    def _read_end(self, output: str) -> str:
        """From the output to the tokens behind the last layer."""
        steps = self._inputs(output, "Mul")[0]
        steps = self._inputs(self._inputs(steps, "Mul")[0], "Reshape")[0]
        _, scaled = self._inputs(steps, "Add")
        self.delta = self._is(scaled, "Mul")  # last + size * steps
        if self.delta:
            steps = self._inputs(scaled, "Mul")[1]
        features, rest = self._inputs(steps, "Add")
        self.weights["to_features"], bias, tokens = self._linear(features)
        self.weights["rest"] = self._constant(rest) + bias
        weight, tokens = self._inputs(tokens, "MatMul")
        self.weights["to_future"] = self._constant(weight)
        return tokens

    def _read_layer(self, output: str) -> str:
        """From behind a layer to before it."""
        found: Weights = {}
        tokens, branch = self._inputs(output, "Add")
        found["back"], found["back_bias"], hidden = self._linear(branch)
        (hidden,) = self._inputs(hidden, "Gelu")
        found["feed"], found["feed_bias"], normal = self._linear(hidden)
        found["feed_norm"], found["feed_norm_bias"] = self._norm(normal)
        tokens, branch = self._inputs(tokens, "Add")
        found["out"], found["out_bias"], mixed = self._linear(branch)
        parts = [self._linear(value) for value in self._inputs(mixed, "Attention")[:3]]
        found["qkv"] = np.concatenate([weight for weight, _, _ in parts], axis=1)
        found["qkv_bias"] = np.concatenate([bias for _, bias, _ in parts])
        (heads,) = (a.i for a in self._producers[mixed].attribute if a.name == "q_num_heads")
        self.heads = heads
        found["norm"], found["norm_bias"] = self._norm(parts[0][2])
        self.layers.insert(0, found)
        return tokens

    def _read_start(self, tokens: NodeProto) -> None:
        prompt, embedded = tokens.input
        self.weights["prompt"] = self._constant(self._inputs(prompt, "Expand")[0])
        product, position = self._inputs(embedded, "Add")
        self.weights["position"] = self._constant(position)
        self.weights["embedding"] = self._constant(self._inputs(product, "MatMul")[1])

    def _linear(self, value: str) -> tuple[Array, Array, str]:
        """Weight and bias of a linear layer, and what goes into it."""
        product, bias = self._inputs(value, "Add")
        source, weight = self._inputs(product, "MatMul")
        return self._constant(weight), self._constant(bias), source

    def _norm(self, value: str) -> tuple[Array, Array]:
        """Weight and bias of a normalisation."""
        _, weight, bias = self._inputs(value, "LayerNormalization")
        return self._constant(weight), self._constant(bias)

    def _is(self, value: str, operator: str) -> bool:
        return value in self._producers and self._producers[value].op_type == operator

    def _producer(self, value: str) -> NodeProto:
        if value not in self._producers:
            raise BuildError(f"{_ONLY}; this graph ends at {value!r}")
        return self._producers[value]

    def _inputs(self, value: str, operator: str) -> list[str]:
        node = self._producer(value)
        if node.op_type != operator:
            raise BuildError(
                f"{_ONLY}; this graph has {node.op_type} {node.name!r} where they have {operator}"
            )
        return list(node.input)

    def _constant(self, value: str) -> Array:
        if value not in self._constants:
            raise BuildError(f"{_ONLY}; this graph computes {value!r}, which is a constant in them")
        return self._constants[value].astype(np.float32)


_ONLY = "native engines compute csi-alm-light and csi-alm-light-delta only"
