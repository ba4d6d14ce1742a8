"""Q/DQ nodes around chosen operators, in the form that ONNX Runtime, OpenVINO and TensorRT all take.

Weights are symmetric per output channel and stored as INT8; activations symmetric per tensor; biases and
outputs stay in float (TensorRT's parser refuses INT32 biases). onnxruntime.quantization inserts the nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorsData

from edgecsi.calib.candidates import Candidate
from edgecsi.export.graph import read_graph, write_graph


def quantize(graph: bytes, operators: Sequence[Candidate], thresholds: Mapping[str, float]) -> bytes:
    """The graph with `operators` in INT8. thresholds: activation -> largest magnitude that it keeps."""
    kinds = sorted({operator.operator for operator in operators})
    ranges = {
        operator.activation: (
            -np.float32(thresholds[operator.activation]),
            np.float32(thresholds[operator.activation]),
        )
        for operator in operators
    }
    quantizer = QDQQuantizer(
        read_graph(graph),
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, ranges),
        nodes_to_quantize=[operator.node for operator in operators],
        nodes_to_exclude=[],
        op_types_to_quantize=kinds,
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "DedicatedQDQPair": True,  # ONNX Runtime computes in float what shares one
            "QuantizeBias": False,
            "OpTypesToExcludeOutputQuantization": kinds,
        },
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return write_graph(quantizer.model.model)
