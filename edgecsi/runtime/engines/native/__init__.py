"""Kernels of our own for CSI-ALM-Light and CSI-ALM-Light-Delta on an x86-64 CPU with AVX-512.

A radio network's student is small: an engine library spends most of its time between the operators, where
threads meet after each one. Here every thread takes a few antennas through the whole network, and threads
meet once per call; nothing is allocated while it computes. The C++ beside this file is compiled when
edgecsi is installed, where there is a compiler for it; its C interface is at the end of `engine.cpp`.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Mapping
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Manifest, Signature
from edgecsi.errors import BundleError, EdgeCsiError, UnavailableError
from edgecsi.runtime.engine import ENGINES, EngineRow, bf16, fp32
from edgecsi.runtime.engines.native.layout import SIZES

FILE = "engine.bin"
LIMITS = "at most 32 tokens, a width of 64*n, and heads of 16*n channels"
INTERFACE = 2  # of the C functions: kernels compiled from other sources are not called
DONE, FORKED, SIZES_DIFFER, STUCK = range(4)  # Outcome in team.h
_LEVELS = {"fp32": (1, "AVX-512"), "bf16": (2, "AVX512-BF16; use --target native-fp32")}


def why_not_run(precision: str, manifest: Manifest | None = None) -> str | None:
    """Why the kernels, or those of that precision, can't be used here; None when they can."""
    library = _library()
    if library is None:
        return (
            "its kernels were not compiled when this edgecsi was installed, which takes an x86-64 computer "
            "and a C++20 compiler (apt install g++, then pip install again)"
        )
    level, instructions = _LEVELS[precision]
    return None if library.edgecsi_native_level() >= level else f"this CPU has no {instructions}"


def start(files: Mapping[str, bytes], threads: int, precision: str, signature: Signature) -> NativeEngine:
    """Start the student whose sizes and weights are in `engine.bin`."""
    return NativeEngine(files[FILE], threads, precision, signature)


class NativeEngine:
    """A student in the memory of the kernels, with threads of its own."""

    max_users: int | None = None

    def __init__(self, data: bytes, threads: int, precision: str, signature: Signature) -> None:
        self.threads: int | None = threads
        self._signature = signature
        head = 4 * len(SIZES)
        if len(data) <= head or len(data) % 4:
            raise BundleError(f"{FILE} can't be used: it has {len(data)} bytes")
        sizes, weights = np.frombuffer(data[:head], np.int32), np.frombuffer(data, np.float32, offset=head)
        named = dict(zip(SIZES, map(int, sizes), strict=True))
        _check_sizes(named, signature)
        library = _library()
        if library is None:
            raise UnavailableError(f"{FILE} can't run here: {why_not_run(precision)}")
        self._library = library
        handle = library.edgecsi_native_start(
            sizes.ctypes.data, len(sizes), weights.ctypes.data, len(weights), threads, precision == "bf16"
        )
        if not handle:
            raise BundleError(
                f"the kernels can't start {FILE} with {threads} threads: {_told(named)}; "
                f"{len(weights)} weights. They take {LIMITS}"
            )
        self._handle = ctypes.c_void_p(handle)
        self._late: list[NDArray[np.float32]] = []  # what a helper thread may still read or write
        freed = weakref.finalize(self, _stop, library, self._handle, self._late)
        freed.atexit = False  # a daemon thread may be computing then

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """C-order float32 [user, *input dims] -> float32 [user, *output dims]."""
        wanted = self._signature.input.user_dims
        if not inputs.flags.c_contiguous or inputs.dtype != np.float32 or inputs.shape[1:] != wanted:
            raise EdgeCsiError(
                f"the kernels take C-order float32 [any, {', '.join(map(str, wanted))}], "
                f"not {inputs.dtype} {inputs.shape}"
            )
        output = np.empty((len(inputs), *self._signature.output.user_dims), np.float32)
        outcome = self._library.edgecsi_native_run(
            self._handle, inputs.ctypes.data, inputs.size, output.ctypes.data, output.size, len(inputs)
        )
        if outcome != DONE:
            raise self._failure(outcome, inputs, output)
        if self._late:
            self._late.clear()
        return output

    def _failure(
        self, outcome: int, inputs: NDArray[np.float32], output: NDArray[np.float32]
    ) -> EdgeCsiError:
        if outcome == FORKED:
            return EdgeCsiError("the kernels were loaded before fork; load the bundle in each process")
        if outcome == STUCK:
            if not self._late:  # else it is of the call before
                self._late += [inputs, output]
            return EdgeCsiError(
                "a thread of the kernels gets no processor for seconds; give it one, or threads=1"
            )
        return EdgeCsiError(f"the kernels take no {inputs.shape}: the sizes differ")


_kept: list[NDArray[np.float32]] = []


def _stop(library: ctypes.CDLL, handle: ctypes.c_void_p, late: list[NDArray[np.float32]]) -> None:
    if not library.edgecsi_native_stop(handle):
        _kept.extend(late)  # a thread may come back to them


def _check_sizes(sizes: Mapping[str, int], signature: Signature) -> None:
    """Compare the sizes in the file with the tensors, whose memory the kernels would read and write."""
    for end, steps in ((signature.input, "history"), (signature.output, "future")):
        dims = end.user_dims
        parts = dims[:1], dims[1:2], dims[2:]
        wanted = dict(zip(("antennas", steps, "features"), map(math.prod, parts), strict=True))
        found = {name: sizes[name] for name in wanted}
        if found != wanted:
            raise BundleError(f"{FILE} has the sizes {_told(found)}, {end.name} has {_told(wanted)}")


def _told(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items())


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
            interface = getattr(library, "edgecsi_native_interface", None)
            if interface is None or interface() != INTERFACE:
                return None
            address, integer, count = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
            library.edgecsi_native_start.argtypes = [address, count, address, count, integer, integer]
            library.edgecsi_native_start.restype = address
            library.edgecsi_native_run.argtypes = [address, address, count, address, count, count]
            library.edgecsi_native_run.restype = integer
            library.edgecsi_native_stop.argtypes = [address]
            library.edgecsi_native_stop.restype = integer
            return library
    return None


ROW = ENGINES.register(
    EngineRow(
        name="native",
        title="kernels of our own",
        target="native",
        files=(FILE,),
        libraries=("edgecsi",),
        precisions={
            "fp32": fp32("kernels of our own on a CPU with AVX-512", solves_fp32=False),
            "bf16": bf16("kernels of our own on a CPU with AVX512-BF16"),
        },
        builder="edgecsi.export.builders.native",
        machine="an x86-64 CPU with AVX-512; BF16: AVX512-BF16",
        why_not_run=why_not_run,
        start=start,
        module=__name__,
    )
)
