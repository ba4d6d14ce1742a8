"""Stage `graph`: the student -> student.onnx, and what a manifest says of the student (student.json)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgecsi.files import atomic_file, write_json
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.trained_code import code_of

GRAPH = "student.onnx"
FACTS = "student.json"


class Options(StageOptions):
    """network: the student's, whose code makes the graph."""

    network: str


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`student`, a model folder -> student.onnx, student.json."""
    from edgecsi.export.onnx_graph import export_onnx
    from edgecsi.models import load, load_config

    network, config = load(inputs["student"]), load_config(inputs["student"])
    graph = export_onnx(network, config.task, config.radio)
    with atomic_file(out / GRAPH) as temporary:
        temporary.write_bytes(graph)
    parameters = dict(network.named_parameters())
    facts = {
        "name": config.name,
        "parameters": sum(value.numel() for value in parameters.values()),
        "adapters": sum(value.numel() for name, value in parameters.items() if "lora_" in name),
        "doppler_band": getattr(network, "doppler_band", None),
        "trained": config.trained and config.trained.model_dump(mode="json"),
        "task": config.task.name,
        "radio": config.radio.model_dump(mode="json"),
    }
    write_json(out / FACTS, facts)


ROW = STAGES.register(
    StageRow(
        "graph",
        "export the student to ONNX",
        run,
        Options,
        libraries=lambda options: ("torch", "onnx", "onnxscript", "onnxruntime"),
        modules=lambda options: code_of(options.network),
        module=__name__,
    )
)
