"""Where the time of a TensorRT call goes: copies, launch, device; with and without a CUDA graph.

Runs only where there is a GPU, through pycuda; CUDA graphs, which pycuda doesn't wrap, through five calls
of the driver's C API. Elsewhere the subject's `reason` says why there is no such row.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Signature
from edgecsi.errors import UnavailableError
from edgecsi.latency.report_schema import GpuStages
from edgecsi.latency.timing_summary import timing
from edgecsi.runtime.engines.tensorrt import FILE, TensorRtEngine, library

CALLS = 1000  # LoadGen's minimum
_CAPTURE_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may go on calling CUDA


def open_probe(engine: str, files: Mapping[str, bytes], signature: Signature) -> GpuProbe:
    """Start the engine of a bundle that runs here."""
    return GpuProbe(library(engine), files[FILE], signature)


class GpuProbe(TensorRtEngine):
    """A TensorRT engine whose calls are timed stage by stage with CUDA events."""

    def measure(self, inputs: NDArray[np.float32]) -> list[GpuStages]:
        """:data:`CALLS` calls on float32 [user, *input dims] without a CUDA graph, then with one.

        Of more users than the engine takes at once, the first ones.
        """
        inputs = inputs[: self.max_users]
        self._device.push()
        try:
            self._context.set_input_shape(self._signature.input.name, inputs.shape)
            self._in, self._out = self._host_in[: len(inputs)], self._host_out[: len(inputs)]
            self._events = [self._cuda.Event() for _ in range(4)]
            self._launched(inputs)
            plain = [self._launched(inputs) for _ in range(CALLS)]
            with _Graph(self._stream.handle, self._enqueue) as graph:
                self._replayed(inputs, graph)
                graphed = [self._replayed(inputs, graph) for _ in range(CALLS)]
        finally:
            self._cuda.Context.pop()
        return [_stages(False, plain), _stages(True, graphed)]

    def _enqueue(self) -> None:
        self._cuda.memcpy_htod_async(self._device_in, self._in, self._stream)
        self._execute()
        self._cuda.memcpy_dtoh_async(self._out, self._device_out, self._stream)

    def _execute(self) -> None:
        if not self._context.execute_async_v3(self._stream.handle):
            raise UnavailableError("TensorRT failed while its stages were timed")

    def _launched(self, inputs: NDArray[np.float32]) -> dict[str, float]:
        """One call, microseconds per stage."""
        first, copied, computed, last = self._events
        begun = time.perf_counter()
        self._in[...] = inputs
        first.record(self._stream)
        self._cuda.memcpy_htod_async(self._device_in, self._in, self._stream)
        copied.record(self._stream)
        before = time.perf_counter()
        self._execute()
        enqueued = time.perf_counter()
        computed.record(self._stream)
        self._cuda.memcpy_dtoh_async(self._out, self._device_out, self._stream)
        last.record(self._stream)
        self._stream.synchronize()
        return {
            "host_to_host": 1e6 * (time.perf_counter() - begun),
            "h2d": 1e3 * first.time_till(copied),
            "enqueue": 1e6 * (enqueued - before),
            "device": 1e3 * copied.time_till(computed),
            "d2h": 1e3 * computed.time_till(last),
        }

    def _replayed(self, inputs: NDArray[np.float32], graph: _Graph) -> dict[str, float]:
        """One call through the graph, which holds both copies and the engine."""
        first, *_, last = self._events
        begun = time.perf_counter()
        self._in[...] = inputs
        first.record(self._stream)
        before = time.perf_counter()
        graph.launch()
        enqueued = time.perf_counter()
        last.record(self._stream)
        self._stream.synchronize()
        return {
            "host_to_host": 1e6 * (time.perf_counter() - begun),
            "enqueue": 1e6 * (enqueued - before),
            "h2d_device_d2h": 1e3 * first.time_till(last),
        }


class _Graph:
    """What a function enqueues on a stream, captured once and replayed."""

    def __init__(self, stream: int, enqueue: Callable[[], None]) -> None:
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._stream = ctypes.c_void_p(stream)
        self._graph, self._exec = ctypes.c_void_p(), ctypes.c_void_p()
        self._do("cuStreamBeginCapture_v2", self._stream, _CAPTURE_THREAD_LOCAL)
        try:
            enqueue()
        finally:
            self._do("cuStreamEndCapture", self._stream, ctypes.byref(self._graph))
        no_flags = ctypes.c_ulonglong(0)
        self._do("cuGraphInstantiateWithFlags", ctypes.byref(self._exec), self._graph, no_flags)

    def launch(self) -> None:
        """Enqueue the whole graph."""
        self._do("cuGraphLaunch", self._exec, self._stream)

    def __enter__(self) -> _Graph:
        return self

    def __exit__(self, *_: object) -> None:
        self._do("cuGraphExecDestroy", self._exec)
        self._do("cuGraphDestroy", self._graph)

    def _do(self, function: str, *arguments: object) -> None:
        if code := getattr(self._driver, function)(*arguments):
            raise UnavailableError(f"{function} returned CUDA error {code}")


def _stages(cuda_graph: bool, calls: list[dict[str, float]]) -> GpuStages:
    stages = {name: timing(np.array([call[name] for call in calls])) for name in calls[0]}
    return GpuStages(cuda_graph=cuda_graph, stages=stages)
