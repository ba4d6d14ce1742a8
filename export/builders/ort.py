"""ONNX Runtime: the engine is the graph itself.

The graph ships as it was lowered. A graph that ONNX Runtime optimised offline would be tied to the
instruction set of the machine that wrote it and to operators of its own, and optimising at load takes
only a fraction of a second.
"""

from __future__ import annotations

import onnxruntime

from edgecsi.errors import BuildError
from edgecsi.export.builders import BuiltEngine


def engine() -> str:
    """Name of the engine."""
    return "onnxruntime"


def why_not_build() -> str | None:
    """Never: ONNX Runtime is part of the base install."""
    return None


def build(graph: bytes) -> BuiltEngine:
    """Check that ONNX Runtime takes the graph. Raises BuildError with its reason where not."""
    try:
        onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class
        raise BuildError(f"ONNX Runtime refused the graph: {error}") from error
    return BuiltEngine(
        engine=engine(),
        files={"engine.onnx": graph},
        libraries={"onnxruntime": onnxruntime.__version__},
        precision_checked="network",
    )
