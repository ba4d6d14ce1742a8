"""Stage `quantized`: as much of the student's graph in INT8 as the goals allow -> quantized.onnx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgecsi.calib.options import QuantizationOptions
from edgecsi.files import atomic_file, write_json
from edgecsi.metrics import GoalBounds
from edgecsi.stages.calibration import CALIBRATION
from edgecsi.stages.graph import GRAPH
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.trained_code import any_task

QUANTIZED = "quantized.onnx"
QUANTIZATION = "quantization.json"


class Options(QuantizationOptions, StageOptions):
    """What the search is held to, and how ranges are found."""

    goals: GoalBounds = GoalBounds()
    accept_radio_mismatch: bool = False


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`graph`, `calibration` and `data` -> quantized.onnx, quantization.json."""
    from edgecsi.calib.calibration_set import CalibrationSet
    from edgecsi.calib.quantization import quantize_to_goals
    from edgecsi.channel import Dataset
    from edgecsi.stages.tested_users import indices_under_test

    found = inputs["calibration"]
    calibration = found / CALIBRATION if found.is_dir() else found
    with CalibrationSet.open(calibration) as calibration_set, Dataset.open(inputs["data"]) as dataset:
        calibration_set.check_radio(
            dataset.radio, f"the data {dataset.path.name}", accept=options.accept_radio_mismatch
        )
        calibration_set.check_groups(dataset.columns(indices_under_test(dataset)))
        quantized = quantize_to_goals(
            (inputs["graph"] / GRAPH).read_bytes(), calibration_set, options.goals, options.range_method
        )
    with atomic_file(out / QUANTIZED) as temporary:
        temporary.write_bytes(quantized.graph)
    write_json(out / QUANTIZATION, quantized.report.model_dump(mode="json"))


ROW = STAGES.register(
    StageRow(
        "quantized",
        "quantize what the goals allow",
        run,
        Options,
        libraries=lambda options: ("numpy", "onnx", "onnxruntime"),
        modules=any_task,
        module=__name__,
    )
)
