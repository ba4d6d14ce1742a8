"""Kernels of our own: the engine is the student's sizes and weights, in the order in which they are read."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edgecsi.errors import BuildError, BundleError
from edgecsi.export.builders import BuiltEngine
from edgecsi.runtime import run_in_pieces, start_engine, why_not_run
from edgecsi.runtime.native import SIZES

if TYPE_CHECKING:
    from edgecsi.export.student_graph import StudentGraph

LANES = 16  # features are padded with zeros to a multiple of it
ERROR = {"fp32": 1e-8, "bf16": 1e-2}  # of the squared error against ONNX Runtime, relative


def engine() -> str:
    """Name of the engine."""
    return "native"


def why_not_build(precision: str = "fp32") -> str | None:
    """Why not, None when the kernels can be used here: an engine is run where it is built."""
    if not find_spec("onnx"):
        return "onnx is not installed (pip install onnx)"
    return why_not_run(engine(), precision=precision)


def build(graph: bytes, precision: str = "fp32") -> BuiltEngine:
    """Take the weights out of the graph. Raises BuildError for another network than the kernels compute.

    That the kernels compute what the graph does is seen by running both.
    """
    from edgecsi.export.student_graph import StudentGraph

    files = {"engine.bin": pack(StudentGraph(graph))}
    try:
        started = start_engine(engine(), files, threads=1, precision=precision)
    except BundleError as error:
        raise BuildError(str(error)) from error
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    dims = session.get_inputs()[0].shape[1:]
    history = np.random.default_rng(0).standard_normal((2, *dims)).astype(np.float32)
    (wanted,) = session.run(None, {"csi_history": history})
    error = np.square(run_in_pieces(started, history) - wanted).sum() / np.square(wanted).sum()
    if not error <= ERROR[precision]:
        raise BuildError(f"the kernels differ from the graph: squared error {error:.1e} of the output")
    return BuiltEngine(
        engine=engine(),
        files=files,
        libraries={engine(): version("edgecsi")},
        precision_checked="engine",
    )


def pack(student: StudentGraph) -> bytes:
    """`engine.bin`: int32 sizes, then float32 weights, features padded to whole registers."""
    features, width = student.to_features.shape[1], student.embedding.shape[1]
    sizes = {
        "antennas": student.antennas,
        "history": len(student.position),
        "future": len(student.to_future),
        "features": features,
        "prompts": len(student.prompt),
        "width": width,
        "feed_forward": student.layers[0]["feed"].shape[1],
        "heads": student.heads,
        "layers": len(student.layers),
        "delta": student.delta,
    }
    wide = -(-features // LANES) * LANES
    order = ("norm", "norm_bias", "qkv", "qkv_bias", "out", "out_bias")
    order += ("feed_norm", "feed_norm_bias", "feed", "feed_bias", "back", "back_bias")
    weights = [
        _padded(student.embedding.reshape(3, features, width), 1, wide),
        student.position,
        student.prompt,
        *(layer[name] for layer in student.layers for name in order),
        student.to_future,
        _padded(student.to_features, 1, wide),
        _padded(student.rest, 1, wide),
    ]
    head = np.array([sizes[name] for name in SIZES], np.int32)
    return b"".join([head.tobytes(), *(np.ascontiguousarray(w, np.float32).tobytes() for w in weights)])


def _padded(array: NDArray[np.float32], axis: int, size: int) -> NDArray[np.float32]:
    """Zeros behind an axis."""
    rest = [(0, size - length if dimension == axis else 0) for dimension, length in enumerate(array.shape)]
    return np.pad(array, rest)
