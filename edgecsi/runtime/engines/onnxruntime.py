"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest, Signature
from edgecsi.errors import BundleError, EdgeCsiError
from edgecsi.runtime.engine import ENGINES, EngineRow, fp32, int8
from edgecsi.runtime.ports import Port, check_output, check_ports

if TYPE_CHECKING:
    import onnxruntime

FILE = "engine.onnx"
# CPUs without VNNI add two products of U8 and S8 in 16 bits, which overflow; this makes both U8 there.
NO_OVERFLOW = ("session.x64quantprecision", "1")
# Sharing one quantized activation among several products keeps ONNX Runtime from computing them in INT8.
DISABLED_OPTIMIZERS = {"int8": ["CommonSubexpressionElimination"]}


def why_not_run(precision: str, manifest: Manifest | None = None) -> str | None:
    """Why ONNX Runtime can't be used here, None when it can."""
    return None if find_spec("onnxruntime") else "onnxruntime is not installed (pip install onnxruntime)"


def start(files: Mapping[str, bytes], threads: int, precision: str, signature: Signature) -> OrtEngine:
    """Start the graph `engine.onnx`; its precision is a property of the graph."""
    return OrtEngine(files[FILE], threads, precision, signature)


class OrtEngine:
    """An ONNX graph in an ONNX Runtime session."""

    max_users: int | None = None

    def __init__(self, graph: bytes, threads: int, precision: str, signature: Signature) -> None:
        self.threads: int | None = threads
        self._signature = signature
        try:
            self._session = open_session(
                graph, precision, intra_op_num_threads=threads, inter_op_num_threads=1
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base of their own
            raise BundleError(f"ONNX Runtime refuses {FILE}: {error}") from error
        ends = self._session.get_inputs(), self._session.get_outputs()
        inputs, outputs = ([_port(tensor) for tensor in end] for end in ends)
        check_ports(FILE, inputs, outputs, signature)

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [user, *input dims] -> float32 [user, *output dims]."""
        names = self._signature.input.name, self._signature.output.name
        try:
            (output,) = self._session.run([names[1]], {names[0]: inputs})
        except Exception as error:
            raise EdgeCsiError(f"ONNX Runtime failed on {inputs.shape}: {error}") from error
        return check_output("ONNX Runtime", output, self._signature, len(inputs))


def open_session(graph: bytes, precision: str, **settings: Any) -> onnxruntime.InferenceSession:
    """A session that computes as an engine of that precision does. settings: attributes of SessionOptions."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors come as exceptions; saving a graph warns
    options.add_session_config_entry("session.load_model_format", "ONNX")  # never guessed from the bytes
    options.add_session_config_entry(*NO_OVERFLOW)
    for name, value in settings.items():
        setattr(options, name, value)
    return onnxruntime.InferenceSession(
        graph,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=DISABLED_OPTIMIZERS.get(precision),
    )


def _port(tensor: onnxruntime.NodeArg) -> Port:
    kind = tensor.type.removeprefix("tensor(").removesuffix(")")
    dims = tuple(dim if isinstance(dim, int) else None for dim in tensor.shape)
    return Port(tensor.name, dims, kind, is_float32=tensor.type == "tensor(float)")


ROW = ENGINES.register(
    EngineRow(
        name="onnxruntime",
        title="ONNX Runtime",
        target="ort",
        files=(FILE,),
        libraries=("onnxruntime",),
        precisions={
            "fp32": fp32("ONNX Runtime on the CPU"),
            "int8": int8("ONNX Runtime on the CPU, mixed INT8 and FP32"),
        },
        builder="edgecsi.export.builders.onnxruntime",
        machine="any CPU",
        why_not_run=why_not_run,
        start=start,
        module=__name__,
    )
)
