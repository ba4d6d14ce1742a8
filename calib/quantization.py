"""From an FP32 graph and a calibration set to the Q/DQ graph that holds the goals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgecsi.bundle import Goals
from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.candidates import Candidate, candidates
from edgecsi.calib.equalization import equalize
from edgecsi.calib.judge import Judge
from edgecsi.calib.judgement import Judgement
from edgecsi.calib.qdq import quantize
from edgecsi.calib.ranges import DEFAULT_METHOD, RANGE_METHODS
from edgecsi.calib.report import OperatorReport, QuantizationReport
from edgecsi.calib.search import MAX_RELATIVE_ERROR_DB, Choice, choose
from edgecsi.calib.statistics import activation_statistics
from edgecsi.errors import BuildError
from edgecsi.export.graph import read_graph
from edgecsi.progress import track


@dataclass(frozen=True)
class Quantized:
    """The Q/DQ graph, and why it is as it is."""

    graph: bytes
    report: QuantizationReport


def quantize_to_goals(
    graph: bytes, calibration: CalibrationSet, goals: Goals, method: str = DEFAULT_METHOD
) -> Quantized:
    """Quantize as much of the student's FP32 graph as the goals allow; the rest stays in float.

    DataError for a calibration set that can't be used, BuildError when no operator meets the goals in INT8.
    """
    if not candidates(graph):
        raise BuildError("nothing to quantize: the graph multiplies no activation with constant weights")
    even = equalize(graph, calibration)
    operators = candidates(even)
    thresholds = activation_thresholds(even, calibration, operators, method)
    judge = Judge(graph, calibration)

    def judged(chosen: Sequence[Candidate]) -> Judgement:
        return judge.judge(quantize(even, chosen, thresholds))

    alone = {operator: judged([operator]) for operator in track(operators, "sensitivity", len(operators))}
    choice = choose(judged, alone, goals)
    if choice is None:
        raise BuildError(_nothing_fits(alone, goals))
    lowered = quantize(even, choice.quantized, thresholds)
    return Quantized(lowered, _report(lowered, calibration, goals, method, thresholds, alone, choice))


def activation_thresholds(
    graph: bytes, calibration: CalibrationSet, operators: Sequence[Candidate], method: str
) -> dict[str, float]:
    """Activation -> largest magnitude that INT8 keeps. method: a key of RANGE_METHODS."""
    histograms = activation_statistics(graph, calibration, operators)
    return {name: RANGE_METHODS[method](histogram) for name, histogram in histograms.items()}


def _report(
    lowered: bytes,
    calibration: CalibrationSet,
    goals: Goals,
    method: str,
    thresholds: Mapping[str, float],
    alone: Mapping[Candidate, Judgement],
    choice: Choice,
) -> QuantizationReport:
    counts = Counter(node.op_type for node in read_graph(lowered).graph.node)
    total = sum(operator.multiplications for operator in alone)
    return QuantizationReport(
        calibration_set=calibration.id,
        range_method=method,
        goals=goals,
        max_relative_error_db=MAX_RELATIVE_ERROR_DB,
        int8_share=sum(operator.multiplications for operator in choice.quantized) / total,
        quantize_nodes=counts["QuantizeLinear"],
        dequantize_nodes=counts["DequantizeLinear"],
        together=choice.together,
        operators=[
            OperatorReport(
                layer=operator.label,
                operator=operator.operator,
                multiplications=operator.multiplications,
                threshold=thresholds[operator.activation],
                precision="int8" if operator in choice.quantized else "float",
                alone=judgement,
                reason=_reason(judgement, operator in choice.quantized),
            )
            for operator, judgement in alone.items()
        ],
    )


def _reason(alone: Judgement, quantized: bool) -> str:
    if quantized:
        return "within the goals"
    return (
        f"too sensitive: alone it has a relative error of {alone.relative_error_db:.1f} dB, "
        f"and loses {alone.worst_speed_loss_db:+.3f} dB at its worst speed"
    )


def _nothing_fits(alone: Mapping[Candidate, Judgement], goals: Goals) -> str:
    best, judgement = min(alone.items(), key=lambda item: item[1].relative_error_db)
    return (
        f"INT8 can't hold the goals: even {best.label} alone, the least sensitive of {len(alone)} operators, "
        f"has a relative error of {judgement.relative_error_db:.1f} dB (needs {MAX_RELATIVE_ERROR_DB:g}), "
        f"loses {judgement.nmse_loss_db:+.4f} dB overall (goal {goals.max_nmse_loss_db:g}) and "
        f"{judgement.worst_speed_loss_db:+.4f} dB at the worst speed (goal {goals.max_worst_speed_loss_db:g})"
    )
