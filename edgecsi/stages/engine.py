"""Stage `engine`: the student's graph, or the quantized one -> lowered.onnx and the engine's files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edgecsi.export.targets import get_target
from edgecsi.files import atomic_file, write_json
from edgecsi.stages.graph import GRAPH
from edgecsi.stages.quantized import QUANTIZED
from edgecsi.stages.stage import STAGES, StageOptions, StageRow

if TYPE_CHECKING:
    from edgecsi.export.builders import BuiltEngine

LOWERED = "lowered.onnx"
FACTS = "engine.json"


class Options(StageOptions):
    """target: as listed by `edgecsi targets`. engine: which library this machine builds it with."""

    target: str
    engine: str


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`graph`: folder with student.onnx or quantized.onnx -> lowered.onnx, engine files, engine.json."""
    target = get_target(options.target)
    graph = inputs["graph"] / (QUANTIZED if target.calibrated else GRAPH)
    lowered = target.lower(graph.read_bytes())
    built = target.build(lowered)
    facts = asdict(built)
    for name, content in {LOWERED: lowered, **facts.pop("files")}.items():
        with atomic_file(out / name) as temporary:
            temporary.write_bytes(content)
    write_json(out / FACTS, {**facts, "files": sorted(built.files)})


def load_built(folder: Path) -> tuple[BuiltEngine, bytes]:
    """What the stage wrote: the engine, and its lowered graph."""
    from edgecsi.export.builders import BuiltEngine

    facts = json.loads((folder / FACTS).read_text())
    files = {name: (folder / name).read_bytes() for name in facts.pop("files")}
    return BuiltEngine(files=files, **facts), (folder / LOWERED).read_bytes()


ROW = STAGES.register(
    StageRow(
        "engine",
        "lower the graph and build the engine",
        run,
        Options,
        libraries=lambda options: get_target(options.target).libraries,
        modules=lambda options: get_target(options.target).modules,
        module=__name__,
    )
)
