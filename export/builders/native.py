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
from edgecsi.runtime import run_in_pieces, start_engine
from edgecsi.runtime.engines.native import FILE, ROW
from edgecsi.runtime.engines.native import why_not_run as _kernels_why_not
from edgecsi.runtime.engines.native.layout import END, LAYER, SIZES, START, Weight, all_sizes

if TYPE_CHECKING:
    from edgecsi.export.student_graph import StudentGraph

ERROR = {"fp32": 1e-8, "bf16": 1e-2}  # of the squared error against ONNX Runtime, relative


def why_not_build(precision: str = "fp32") -> str | None:
    """Why not, None when the kernels can be used here: an engine is run where it is built."""
    if not find_spec("onnx"):
        return "onnx is not installed (pip install onnx)"
    return _kernels_why_not(precision)


def build(graph: bytes, precision: str = "fp32") -> BuiltEngine:
    """Take the weights out of the graph. Raises BuildError for another network than the kernels compute.

    That the kernels compute what the graph does is seen by running both.
    """
    from edgecsi.export.graph import graph_signature
    from edgecsi.export.student_graph import StudentGraph

    files = {FILE: pack(StudentGraph(graph))}
    signature = graph_signature(graph)
    try:
        started = start_engine(ROW.name, files, signature, threads=1, precision=precision)
    except BundleError as error:
        raise BuildError(str(error)) from error
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((2, *signature.input.user_dims)).astype(np.float32)
    (wanted,) = session.run(None, {signature.input.name: inputs})
    off = np.square(run_in_pieces(started, inputs) - wanted).sum() / np.square(wanted).sum()
    if not off <= ERROR[precision]:
        raise BuildError(f"the kernels differ from the graph: squared error {off:.1e} of the output")
    return BuiltEngine(
        engine=ROW.name,
        files=files,
        libraries={"edgecsi": version("edgecsi")},
        precision_checked="engine",
    )


def pack(student: StudentGraph) -> bytes:
    """`engine.bin`, in the layout of `edgecsi/runtime/engines/native/layout.py`."""
    sizes = student.sizes
    head = np.array([sizes[name] for name in SIZES], np.int32)
    parts = [(weight, student.weights) for weight in START]
    parts += [(weight, layer) for layer in student.layers for weight in LAYER]
    parts += [(weight, student.weights) for weight in END]
    numbers = (_padded(arrays[weight.name], weight, all_sizes(sizes)) for weight, arrays in parts)
    return b"".join([head.tobytes(), *(array.tobytes() for array in numbers)])


def _padded(array: NDArray[np.float32], weight: Weight, sizes: dict[str, int]) -> NDArray[np.float32]:
    """The array as the layout wants it: zeros behind the features, C order."""
    for axis, (times, name) in enumerate(weight.dims):
        if name == "wide":
            rows = array.reshape(*array.shape[:axis], times, sizes["features"], *array.shape[axis + 1 :])
            rest = [(0, 0)] * rows.ndim
            rest[axis + 1] = (0, sizes["wide"] - sizes["features"])
            padded = np.pad(rows, rest)
            array = padded.reshape(*array.shape[:axis], -1, *array.shape[axis + 1 :])
    if array.shape != weight.shape(sizes):
        raise BuildError(f"{weight.name} is {array.shape} in the graph, not {weight.shape(sizes)}")
    return np.ascontiguousarray(array, np.float32)
