"""ONNX Runtime: the engine is the graph itself.

The graph ships as it was lowered. A graph that ONNX Runtime optimised offline would be tied to the
instruction set of the machine that wrote it and to operators of its own, and optimising at load takes
only a fraction of a second.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import onnxruntime

from edgecsi.errors import BuildError
from edgecsi.export.builders import BuiltEngine, check_int8
from edgecsi.runtime.engines.onnxruntime import FILE, ROW, open_session

INT8_OPERATORS = (
    "ConvInteger",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
)


def why_not_build(precision: str = "fp32") -> str | None:
    """Why not, None when ONNX Runtime, which is part of the base install, is enough."""
    if precision != "fp32" and not find_spec("onnx"):
        return "onnx is not installed (pip install onnx)"
    return None


def build(graph: bytes, precision: str = "fp32") -> BuiltEngine:
    """Check that ONNX Runtime takes the graph. Raises BuildError with its reason where not.

    Of an INT8 graph, what it makes of the Q/DQ nodes is read back from its optimised graph.
    """
    optimized = _optimize(graph, precision)
    left_in_float: tuple[str, ...] = ()
    if precision == "int8":
        left_in_float = check_int8("ONNX Runtime", graph, _int8_nodes(optimized))
    return BuiltEngine(
        engine=ROW.name,
        files={FILE: graph},
        libraries={"onnxruntime": onnxruntime.__version__},
        precision_checked="engine" if precision == "int8" else "network",
        left_in_float=left_in_float,
    )


def _optimize(graph: bytes, precision: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimized.onnx")
        try:
            open_session(graph, precision, optimized_model_filepath=str(path))
        except Exception as error:  # its exceptions share no base class
            raise BuildError(f"ONNX Runtime refused the graph: {error}") from error
        return path.read_bytes()


def _int8_nodes(optimized: bytes) -> set[str]:
    import onnx

    nodes = onnx.load_model_from_string(optimized).graph.node
    return {node.name for node in nodes if node.op_type in INT8_OPERATORS}
