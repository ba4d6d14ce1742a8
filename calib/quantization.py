"""From an FP32 graph and a calibration set to the Q/DQ graph that holds the goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.candidates import Candidate, candidates
from edgecsi.calib.equalization import equalize
from edgecsi.calib.graph_comparison import GraphComparison
from edgecsi.calib.options import QuantizationOptions, RangeMethod
from edgecsi.calib.qdq import quantize
from edgecsi.calib.quantization_loss import QuantizationLoss
from edgecsi.calib.quantization_report import OperatorReport, QuantizationReport
from edgecsi.calib.ranges import RANGE_METHODS
from edgecsi.calib.search import MAX_RELATIVE_ERROR_DB, Choice, choose
from edgecsi.calib.statistics import activation_statistics
from edgecsi.errors import BuildError
from edgecsi.export.graph import count_quantized
from edgecsi.metrics import GoalBounds
from edgecsi.progress import track


@dataclass(frozen=True)
class Quantized:
    """The Q/DQ graph, and why it is as it is."""

    graph: bytes
    report: QuantizationReport


def quantize_to_goals(
    graph: bytes,
    calibration: CalibrationSet,
    bounds: GoalBounds,
    method: RangeMethod = QuantizationOptions().range_method,
) -> Quantized:
    """Quantize as much of the student's FP32 graph as the goals allow; the rest stays in float.

    bounds: how much may be lost; a bound of None is no limit. DataError for a calibration set that can't be
    used, BuildError when no operator meets the goals in INT8.
    """
    if not candidates(graph):
        raise BuildError("nothing to quantize: the graph multiplies no activation with constant weights")
    even = equalize(graph, calibration)
    operators = candidates(even)
    thresholds = activation_thresholds(even, calibration, operators, method)
    comparison = GraphComparison(graph, calibration)

    def lost(chosen: Sequence[Candidate]) -> QuantizationLoss:
        return comparison.compare(quantize(even, chosen, thresholds))

    alone = {operator: lost([operator]) for operator in track(operators, "sensitivity", len(operators))}
    choice = choose(lost, alone, bounds)
    if choice is None:
        raise BuildError(_nothing_fits(alone, bounds))
    lowered = quantize(even, choice.quantized, thresholds)
    return Quantized(lowered, _report(lowered, calibration, bounds, method, thresholds, alone, choice))


def activation_thresholds(
    graph: bytes, calibration: CalibrationSet, operators: Sequence[Candidate], method: RangeMethod
) -> dict[str, float]:
    """Activation -> largest magnitude that INT8 keeps."""
    histograms = activation_statistics(graph, calibration, operators)
    return {name: RANGE_METHODS[method](histogram) for name, histogram in histograms.items()}


def _report(
    lowered: bytes,
    calibration: CalibrationSet,
    bounds: GoalBounds,
    method: RangeMethod,
    thresholds: Mapping[str, float],
    alone: Mapping[Candidate, QuantizationLoss],
    choice: Choice,
) -> QuantizationReport:
    counts = count_quantized(lowered)
    total = sum(operator.multiplications for operator in alone)
    return QuantizationReport(
        calibration_set=calibration.id,
        range_method=method,
        bounds=bounds,
        max_relative_error_db=MAX_RELATIVE_ERROR_DB,
        int8_share=sum(operator.multiplications for operator in choice.quantized) / total,
        quantize_nodes=counts["QUANTIZE"],
        dequantize_nodes=counts["DEQUANTIZE"],
        together=choice.together,
        operators=[
            OperatorReport(
                layer=operator.label,
                operator=operator.operator,
                multiplications=operator.multiplications,
                threshold=thresholds[operator.activation],
                precision="int8" if operator in choice.quantized else "float",
                alone=loss,
                reason=_reason(loss, operator in choice.quantized),
            )
            for operator, loss in alone.items()
        ],
    )


def _reason(alone: QuantizationLoss, quantized: bool) -> str:
    if quantized:
        return "within the goals"
    return (
        f"too sensitive: alone it has a relative error of {alone.relative_error_db:.1f} dB, "
        f"and loses {alone.worst_group_loss_db:+.3f} dB in its worst group"
    )


def _nothing_fits(alone: Mapping[Candidate, QuantizationLoss], bounds: GoalBounds) -> str:
    best, loss = min(alone.items(), key=lambda item: item[1].relative_error_db)
    return (
        f"INT8 can't hold the goals: even {best.label} alone, the least sensitive of {len(alone)} operators, "
        f"has a relative error of {loss.relative_error_db:.1f} dB (needs {MAX_RELATIVE_ERROR_DB:g}), "
        f"loses {loss.nmse_loss_db:+.4f} dB overall (goal {_word(bounds.max_nmse_loss_db)}) and "
        f"{loss.worst_group_loss_db:+.4f} dB in the worst group "
        f"(goal {_word(bounds.max_worst_speed_loss_db)})"
    )


def _word(bound: float | None) -> str:
    return "none" if bound is None else f"{bound:g}"
