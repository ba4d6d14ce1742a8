"""Kernels of our own for CSI-ALM-Light and CSI-ALM-Light-Delta on an x86-64 CPU with AVX-512.

A radio network's student is small: an engine library spends most of its time between the operators, where
threads meet after each one. Here every thread takes a few antennas through the whole network, and threads
meet once per call; nothing is allocated while it computes. The C++ beside this file is compiled when
edgecsi is installed, where there is a compiler for it; its C interface is at the end of `engine.cpp`.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest
from edgecsi.errors import BundleError, EdgeCsiError

# What `engine.bin` begins with, as int32; float32 weights follow, in the order of student.h. features: 2K.
SIZES = (
    "antennas", "history", "future", "features", "prompts",
    "width", "feed_forward", "heads", "layers", "delta",
)  # fmt: skip
LIMITS = "at most 32 tokens, a width of 64*n, and heads of 16*n channels"
_LEVELS = {"fp32": (1, "AVX-512"), "bf16": (2, "AVX512-BF16; use --target native-fp32")}


def why_not_run(precision: str, manifest: Manifest | None = None) -> str | None:
    """Why the kernels, or those of that precision, can't be used here; None when they can."""
    library = _library()
    if library is None:
        return (
            "its kernels were not compiled when edgecsi was installed, which takes an x86-64 computer and a "
            "C++20 compiler (apt install g++, then pip install again)"
        )
    level, instructions = _LEVELS[precision]
    return None if library.edgecsi_native_level() >= level else f"this CPU has no {instructions}"


def start(files: Mapping[str, bytes], threads: int, precision: str) -> NativeEngine:
    """Start the student whose sizes and weights are in `engine.bin`."""
    return NativeEngine(files["engine.bin"], threads, precision)


class NativeEngine:
    """A student in the memory of the kernels, with threads of its own."""

    max_users = None

    def __init__(self, data: bytes, threads: int, precision: str) -> None:
        self.threads = threads
        head = 4 * len(SIZES)
        if len(data) <= head or len(data) % 4:
            raise BundleError(f"engine.bin can't be used: it has {len(data)} bytes")
        sizes, weights = np.frombuffer(data[:head], np.int32), np.frombuffer(data, np.float32, offset=head)
        self._library = _library()
        handle = self._library.edgecsi_native_start(
            sizes.ctypes.data, weights.ctypes.data, len(weights), threads, precision == "bf16"
        )
        if not handle:
            told = ", ".join(f"{name} {size}" for name, size in zip(SIZES, sizes, strict=True))
            raise BundleError(
                f"the kernels can't start engine.bin with {threads} threads: {told}; {len(weights)} weights. "
                f"They take {LIMITS}"
            )
        self._handle = ctypes.c_void_p(handle)
        self._antennas, _, self._future = map(int, sizes[:3])
        weakref.finalize(self, self._library.edgecsi_native_stop, self._handle)

    def run(self, history: NDArray[np.float32]) -> NDArray[np.float32]:
        """C-order float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        if not history.flags.c_contiguous or history.dtype != np.float32:
            raise EdgeCsiError(f"the kernels take C-order float32, not {history.dtype} {history.shape}")
        future = np.empty((len(history), self._antennas, self._future, *history.shape[3:]), np.float32)
        self._library.edgecsi_native_run(self._handle, history.ctypes.data, future.ctypes.data, len(history))
        return future


@cache
def _library() -> ctypes.CDLL | None:
    """The compiled kernels; None where there are none, or not for this machine."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"kernels{suffix}")
        if path.is_file():
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                return None
            address, integer, count = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
            library.edgecsi_native_start.argtypes = [address, address, count, integer, integer]
            library.edgecsi_native_start.restype = address
            library.edgecsi_native_run.argtypes = [address, address, address, count]
            library.edgecsi_native_run.restype = None
            library.edgecsi_native_stop.argtypes = [address]
            library.edgecsi_native_stop.restype = None
            return library
    return None
