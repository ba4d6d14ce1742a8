"""The hot loops: time calls, and do nothing else.

Times are int64 nanoseconds of CLOCK_MONOTONIC. Arrays for times and outputs exist before a loop
starts and its garbage collector is off, so that the loop itself allocates nothing that lives longer
than one call. One pass goes once through the pool of inputs.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

Call = Callable[[NDArray[np.complex64]], NDArray[np.complex64]]


@contextmanager
def quiet_collector() -> Iterator[None]:
    """No garbage collection inside: its pauses are not the engine's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def back_to_back(
    call: Call, inputs: Sequence[NDArray], outputs: Sequence[NDArray], times: NDArray[np.int64]
) -> None:
    """Call once per input, the next when the last returned; fills outputs and times [len(inputs)] in ns."""
    now = time.perf_counter_ns
    copy = np.copyto
    slots = memoryview(times)
    for i, (given, kept) in enumerate(zip(inputs, outputs, strict=True)):
        start = now()
        result = call(given)
        slots[i] = now() - start
        copy(kept, result)
