"""What a quantization decided and why: quantization.json."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from edgecsi.calib.options import RangeMethod
from edgecsi.calib.quantization_loss import QuantizationLoss
from edgecsi.metrics import GoalBounds


class OperatorReport(BaseModel):
    """One operator that could be quantized. alone: the graph with only this one in INT8."""

    layer: str
    operator: str
    multiplications: int
    threshold: float  # largest magnitude of its input that INT8 keeps
    precision: Literal["int8", "float"]
    alone: QuantizationLoss
    reason: str


class QuantizationReport(BaseModel):
    """A Q/DQ graph. together: its losses against the FP32 graph on held-out users, in ONNX Runtime."""

    schema_version: Literal[2] = 2
    calibration_set: str  # its id
    range_method: RangeMethod
    bounds: GoalBounds
    max_relative_error_db: float
    int8_share: float  # of the multiplications with weights
    quantize_nodes: int
    dequantize_nodes: int
    together: QuantizationLoss
    operators: list[OperatorReport]
