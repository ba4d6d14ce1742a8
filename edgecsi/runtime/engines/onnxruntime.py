"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest, Signature
from edgecsi.errors import BundleError, EdgeCsiError
from edgecsi.runtime.engine import ENGINES, EngineRow, Precision
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
        import onnxruntime

        self.threads: int | None = threads
        self._signature = signature
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors come as exceptions
        options.add_session_config_entry("session.load_model_format", "ONNX")  # never guessed from the bytes
        options.add_session_config_entry(*NO_OVERFLOW)
        try:
            self._session = onnxruntime.InferenceSession(
                graph,
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=DISABLED_OPTIMIZERS.get(precision),
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
            "fp32": Precision("ONNX Runtime on the CPU", agreement_db=-60, invariance_db=-80),
            "int8": Precision(
                "ONNX Runtime on the CPU, mixed INT8 and FP32",
                agreement_db=-20,
                invariance_db=-40,
                calibrated=True,
                solves_fp32=False,
            ),
        },
        builder="edgecsi.export.builders.onnxruntime",
        machine="any CPU",
        why_not_run=why_not_run,
        start=start,
        module=__name__,
    )
)
