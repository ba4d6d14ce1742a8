"""OpenVINO: an IR, its weights kept in the precision that they have in the graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgecsi.errors import BuildError
from edgecsi.export.builders import BuiltEngine, check_int8
from edgecsi.export.c_locale import c_numbers
from edgecsi.runtime.engines.openvino import ROW, WEIGHTS, XML, float_precision, for_one_user, why_not_run

if TYPE_CHECKING:
    import openvino

WEIGHTED_LAYERS = ("Convolution", "FullyConnected", "MatMul")
RUNTIME_PRECISIONS = {"bf16": ("bf16",), "int8": ("i8", "u8"), "int8-bf16": ("i8", "u8")}


def why_not_build(precision: str = "fp32") -> str | None:
    """Why OpenVINO can't convert here, or can't compute in that precision; None when it can."""
    return why_not_run(precision)


def build(graph: bytes, precision: str = "fp32") -> BuiltEngine:
    """Convert to IR. Raises BuildError with OpenVINO's reason if it refuses.

    An FP32 graph also makes a BF16 engine, since OpenVINO chooses at load time. Of BF16 and INT8, what the
    compiled network computes in is read back.
    """
    import openvino

    try:
        model = openvino.Core().read_model(graph)
    except RuntimeError as error:
        raise BuildError(f"OpenVINO refused the graph: {_reason(error)}") from error
    left_in_float: tuple[str, ...] = ()
    if precision.startswith("int8"):
        left_in_float = check_int8("OpenVINO", graph, _nodes(model, precision))
    elif precision == "bf16" and not _nodes(model, precision):
        raise BuildError("OpenVINO computes nothing of the graph in BF16")
    with tempfile.TemporaryDirectory() as folder:
        with c_numbers():  # it writes attributes by the C library's locale, and reads them back by none
            openvino.save_model(model, Path(folder, XML), compress_to_fp16=False)  # its default is FP16
        files = {name: Path(folder, name).read_bytes() for name in (XML, WEIGHTS)}
    return BuiltEngine(
        engine=ROW.name,
        files=files,
        libraries={"openvino": openvino.__version__},
        precision_checked="network" if precision == "fp32" else "engine",
        left_in_float=left_in_float,
    )


def _nodes(model: openvino.Model, precision: str) -> set[str]:
    """Names of the graph's nodes that the CPU computes in that precision, from the compiled network."""
    import openvino

    hint = {"INFERENCE_PRECISION_HINT": float_precision(precision)}
    compiled = openvino.Core().compile_model(for_one_user(model.clone()), "CPU", hint)
    found: set[str] = set()
    for operation in compiled.get_runtime_model().get_ordered_ops():
        facts = {name: value.astype(str) for name, value in operation.get_rt_info().items()}
        if (
            facts["layerType"] in WEIGHTED_LAYERS
            and facts["runtimePrecision"] in RUNTIME_PRECISIONS[precision]
        ):
            found.update(name.partition("/")[0] for name in facts["originalLayersNames"].split(","))
    return found


def _reason(error: RuntimeError) -> str:
    """OpenVINO's message without the lines that say where in its source it arose."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("Exception from", "Check ")))
