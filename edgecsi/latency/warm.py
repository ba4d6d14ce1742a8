"""A loaded and warm subject inside its measuring process: passes over its inputs, every output checked."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import GoldenSet
from edgecsi.errors import UnavailableError
from edgecsi.latency import measure
from edgecsi.latency.inputs import make_pool, pool_size
from edgecsi.latency.results import GpuStages, OutputCheck, Setting
from edgecsi.latency.subjects import Measurable
from edgecsi.metrics import nmse_mean_db, user_energies

WARM_UP_SECONDS = 0.5
GAP_SECONDS = 1.0
TOLERANCE = 1e-3  # relative difference of a timed output from the untimed one


class WarmEngine:
    """One subject at one setting. Raises UnavailableError when its outputs can't be trusted."""

    def __init__(self, subject: Measurable, setting: Setting, seed: int, golden: GoldenSet | None) -> None:
        begun = time.perf_counter()
        started = subject.start(setting.threads)
        self.load_ms = 1e3 * (time.perf_counter() - begun)
        if golden is not None and golden.history.shape[1:] != started.shape.history_shape:
            golden = None
        self._golden = golden
        self._call, self._gpu_stages = started.call, started.gpu_stages
        probe = make_pool(started.shape, setting.users, 1, seed + 1, golden).histories[0]
        output, first = self._timed(probe)
        _, again = self._timed(probe)
        self.first_call_ms = 1e3 * first
        calls = pool_size(started.shape, setting.users, again)
        self._pool = make_pool(started.shape, setting.users, calls, seed, golden)
        self._outputs = [np.empty_like(output) for _ in range(calls)]
        self._times = np.empty(calls, dtype=np.int64)
        self._untimed = [self._call(history).copy() for history in self._pool.histories]
        self.warm_up_calls = 2 + calls + len(self.back_to_back(WARM_UP_SECONDS))

    def back_to_back(self, seconds: float) -> NDArray[np.int64]:
        """Passes through the inputs for that long, at least one: service times in ns [calls]."""
        passes, end = [], time.perf_counter() + seconds
        while not passes or time.perf_counter() < end:
            measure.back_to_back(self._call, self._pool.histories, self._outputs, self._times)
            self._check(len(self._times))
            passes.append(self._times.copy())
        return np.concatenate(passes)

    def paced(self, period_ns: int, calls: int) -> NDArray[np.int64]:
        """Calls every `period_ns`: latencies in ns [calls]. Checks the last output of every input."""
        latencies = np.empty(calls, dtype=np.int64)
        measure.paced(self._call, self._pool.histories, self._outputs, latencies, period_ns)
        self._check(calls)
        return latencies

    def outputs(self) -> OutputCheck:
        """The outputs of the latest timed calls beside the untimed ones."""
        pairs = list(zip(self._outputs, self._untimed, strict=True))
        return OutputCheck(
            inputs=len(pairs),
            nmse_golden_db=self._nmse_golden(),
            nmse_untimed_db=self._nmse(self._untimed),
            nmse_timed_db=self._nmse(self._outputs),
            difference=max(_difference(timed, untimed) for timed, untimed in pairs),
        )

    def gpu_stages(self) -> list[GpuStages]:
        """Where the time of a GPU call goes; empty on a CPU."""
        return self._gpu_stages(self._pool.histories[0]) if self._gpu_stages else []

    def gaps(self) -> tuple[float, float]:
        """The host's noise where this process runs, see :func:`measure.gaps`."""
        return measure.gaps(GAP_SECONDS)

    def _timed(self, history: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], float]:
        begun = time.perf_counter()
        output = self._call(history)
        return output, time.perf_counter() - begun

    def _check(self, calls: int) -> None:
        for timed, untimed in zip(self._outputs[:calls], self._untimed, strict=False):
            if not np.isfinite(timed).all():
                raise UnavailableError("the engine returned NaN or infinity")
            if (difference := _difference(timed, untimed)) > TOLERANCE:
                raise UnavailableError(
                    f"an output of a timed call differs by {difference:.1e} from the untimed one"
                )

    def _nmse_golden(self) -> float | None:
        if self._golden is None:
            return None
        return nmse_mean_db(*user_energies(self._call(self._golden.history), self._golden.truth))

    def _nmse(self, outputs: list[NDArray[np.complex64]]) -> float | None:
        if self._pool.futures is None:
            return None
        energies = [user_energies(*pair) for pair in zip(outputs, self._pool.futures, strict=True)]
        error, signal = (np.concatenate(part) for part in zip(*energies, strict=True))
        return nmse_mean_db(error, signal)


def _difference(timed: NDArray[np.complex64], untimed: NDArray[np.complex64]) -> float:
    norm = float(np.linalg.norm(untimed))
    return float(np.linalg.norm(timed - untimed)) / norm if norm > 0 else 0.0
