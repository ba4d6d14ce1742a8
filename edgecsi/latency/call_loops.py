"""The hot loops: time calls, and do nothing else.

Times are int64 nanoseconds of CLOCK_MONOTONIC. Arrays for times and outputs exist before a loop starts and
the garbage collector is off, so the loop itself allocates nothing that outlives a call. What it costs is
measured too: an engine that does nothing goes through the same loop (the report's `floors`).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from edgecsi.tasks.task import Array

Call = Callable[[Array], Array]  # [user, *input axes] -> [user, *target axes]


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
    call: Call, inputs: Sequence[Array], outputs: Sequence[Array], times: NDArray[np.int64]
) -> None:
    """Call once per input, the next when the last has returned; fills outputs and service times [inputs]."""
    now, copy = time.perf_counter_ns, np.copyto
    slots = times.data
    for i, values in enumerate(inputs):
        start = now()
        result = call(values)
        slots[i] = now() - start
        copy(outputs[i], result)


def paced(
    call: Call,
    inputs: Sequence[Array],
    outputs: Sequence[Array],
    latencies: NDArray[np.int64],
    period_ns: int,
) -> None:
    """Calls at absolute moments `period_ns` apart; fills latencies [calls] from the *scheduled* moment.

    The thread sleeps until each moment, as a blocked worker would, so its wake-up counts. A call that
    overruns makes the next ones late, and they count from when they were due: no coordinated omission.
    """
    now, sleep, copy = time.perf_counter_ns, time.sleep, np.copyto
    slots, pool = latencies.data, len(inputs)
    due = now()
    for i in range(len(latencies)):
        due += period_ns
        wait = due - now()
        if wait > 0:
            sleep(wait * 1e-9)
        result = call(inputs[i % pool])
        slots[i] = now() - due
        copy(outputs[i % pool], result)


def gaps(seconds: float) -> tuple[float, float]:
    """Read the clock without pause: the longest time it was out of our hands in us, and the share lost so.

    Gaps below 10 us are the loop's own. What an engine can't be blamed for: interrupts, other processes, a
    hypervisor.
    """
    now = time.perf_counter_ns
    begun = last = now()
    end, longest, lost = begun + int(seconds * 1e9), 0, 0
    while last < end:
        moment = now()
        gap = moment - last
        if gap > 10_000:
            lost += gap
            longest = max(longest, gap)
        last = moment
    return longest / 1e3, lost / (last - begun)


def effective_service(latencies: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """Service times [n] of one paced stretch, wake-ups included: latency less the wait for its turn."""
    waits = np.maximum(latencies[:-1] - period, 0)
    return latencies - np.concatenate([[0], waits])
