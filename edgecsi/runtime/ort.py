"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest
from edgecsi.errors import BundleError, EdgeCsiError

# CPUs without VNNI add two products of U8 and S8 in 16 bits, which overflow; this makes both U8 there.
NO_OVERFLOW = ("session.x64quantprecision", "1")
# Sharing one quantized activation among several products keeps ONNX Runtime from computing them in INT8.
DISABLED_OPTIMIZERS = {"int8": ["CommonSubexpressionElimination"]}


def why_not_run(precision: str, manifest: Manifest | None = None) -> str | None:
    """Why ONNX Runtime can't be used here, None when it can."""
    return None if find_spec("onnxruntime") else "onnxruntime is not installed (pip install onnxruntime)"


def start(files: Mapping[str, bytes], threads: int, precision: str) -> OrtEngine:
    """Start the graph `engine.onnx`; its precision is a property of the graph."""
    return OrtEngine(files["engine.onnx"], threads, precision)


class OrtEngine:
    """An ONNX graph in an ONNX Runtime session."""

    max_users = None

    def __init__(self, graph: bytes, threads: int, precision: str) -> None:
        import onnxruntime

        self.threads = threads
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
            raise BundleError(f"ONNX Runtime refuses engine.onnx: {error}") from error
        names = [tensor.name for tensor in (*self._session.get_inputs(), *self._session.get_outputs())]
        if names != ["csi_history", "csi_future"]:
            raise BundleError(f"engine.onnx has the tensors {names}, not csi_history and csi_future")

    def run(self, history: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        try:
            return self._session.run(["csi_future"], {"csi_history": history})[0]
        except Exception as error:
            raise EdgeCsiError(f"ONNX Runtime failed on {history.shape}: {error}") from error
