"""Engines by name: what every engine library has in common, and which file runs which.

A new engine library is a new file with `why_not_run` and `start`, and a line in `_ADAPTERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest
from edgecsi.errors import EdgeCsiError, UnavailableError
from edgecsi.runtime import native, ort, ov, trt

PIECE_USERS = 32  # users per call when the engine sets no limit: bounds the memory of a huge batch


class Engine(Protocol):
    """A started engine. Not safe for two calls at once; :class:`edgecsi.runtime.Predictor` is."""

    max_users: int | None  # largest batch of one call; None: any
    threads: int | None  # CPU threads that compute; None: it computes on a GPU

    def run(self, history: NDArray[np.float32]) -> NDArray[np.float32]:
        """C-order float32 [user, antenna, T, K, 2] of 1 to max_users users -> [user, antenna, P, K, 2]."""
        ...


@dataclass(frozen=True)
class _Adapter:
    why_not_run: Callable[[str, Manifest | None], str | None]
    start: Callable[[Mapping[str, bytes], int, str], Engine]


_ADAPTERS = {
    "onnxruntime": _Adapter(ort.why_not_run, ort.start),
    "native": _Adapter(native.why_not_run, native.start),
    "openvino": _Adapter(ov.why_not_run, ov.start),
    "tensorrt": _Adapter(partial(trt.why_not_run, "tensorrt"), partial(trt.start, "tensorrt")),
    "tensorrt-rtx": _Adapter(partial(trt.why_not_run, "tensorrt-rtx"), partial(trt.start, "tensorrt-rtx")),
}


def why_not_run(engine: str, manifest: Manifest | None = None, precision: str = "fp32") -> str | None:
    """Why this machine can't run an engine of that name and precision, None when it can.

    With the manifest of a bundle, also why it can't run this very engine (GPU architecture, library version).
    """
    return _adapter(engine).why_not_run(manifest.precision if manifest else precision, manifest)


def start_engine(
    engine: str, files: Mapping[str, bytes], threads: int | None = None, precision: str = "fp32"
) -> Engine:
    """Start an engine from the bytes of its files (:data:`edgecsi.bundle.ENGINE_FILES`).

    `threads` defaults to the CPUs that this process may use. `precision` matters to engine libraries that
    choose it at load time (OpenVINO). Raises UnavailableError when this machine can't run the engine and
    BundleError when the engine library refuses it.
    """
    adapter = _adapter(engine)
    if threads is not None and threads < 1:
        raise EdgeCsiError(f"threads must be at least 1, got {threads}")
    if reason := adapter.why_not_run(precision, None):
        raise UnavailableError(f"this machine can't run {engine}: {reason}")
    return adapter.start(files, threads or len(os.sched_getaffinity(0)), precision)


def run_in_pieces(engine: Engine, history: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run any number of users from 1: float32 [user, antenna, T, K, 2] -> [user, antenna, P, K, 2]."""
    piece = engine.max_users or PIECE_USERS
    outputs = [engine.run(history[first : first + piece]) for first in range(0, len(history), piece)]
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)


def _adapter(engine: str) -> _Adapter:
    if engine not in _ADAPTERS:
        raise UnavailableError(f"unknown engine {engine!r}; choose from {', '.join(_ADAPTERS)}")
    return _ADAPTERS[engine]
