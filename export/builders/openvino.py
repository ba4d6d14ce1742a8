"""OpenVINO: an IR, FP32 weights kept as they are."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from edgecsi.errors import BuildError
from edgecsi.export.builders import BuiltEngine


def engine() -> str:
    """Name of the engine."""
    return "openvino"


def why_not_build() -> str | None:
    """Why OpenVINO can't convert here, None when it can."""
    return None if find_spec("openvino") else "openvino is not installed (pip install 'edgecsi[openvino]')"


def build(graph: bytes) -> BuiltEngine:
    """Convert to IR. Raises BuildError with OpenVINO's reason if it refuses."""
    import openvino

    try:
        model = openvino.Core().read_model(graph)
    except RuntimeError as error:
        raise BuildError(f"OpenVINO refused the graph: {_reason(error)}") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "engine.xml")
        openvino.save_model(model, path, compress_to_fp16=False)  # FP16 weights are its default
        files = {name: Path(folder, name).read_bytes() for name in ("engine.xml", "engine.bin")}
    return BuiltEngine(
        engine=engine(),
        files=files,
        libraries={"openvino": openvino.__version__},
        precision_checked="network",
    )


def _reason(error: RuntimeError) -> str:
    """OpenVINO's message without the lines that say where in its source it arose."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("Exception from", "Check ")))
