"""A loaded and warm subject inside its measuring process: passes over its inputs, every output checked."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import UnavailableError
from edgecsi.latency import call_loops
from edgecsi.latency.inputs import make_pool, pool_size
from edgecsi.latency.report_schema import GpuStages, OutputCheck, Setting
from edgecsi.latency.timed_subjects import Measurable
from edgecsi.metrics import Energies
from edgecsi.tasks.task import Array
from edgecsi.users import Users

WARM_UP_SECONDS = 0.5
GAP_SECONDS = 1.0
TOLERANCE = 1e-3  # relative difference of a timed output from the untimed one; FP16's rounding is half of it


class WarmEngine:
    """One subject at one setting. Raises UnavailableError when its outputs can't be trusted.

    golden: users of the subject's task and radio setting, or None.
    """

    def __init__(self, subject: Measurable, setting: Setting, seed: int, golden: Users | None) -> None:
        begun = time.perf_counter()
        started = subject.start(setting.threads)
        self.load_ms = 1e3 * (time.perf_counter() - begun)
        self._golden = golden
        self._call, self._task, self._stages = started.call, started.task, started.gpu_stages
        place = started.task, started.radio, setting.users
        probe = make_pool(*place, 1, seed + 1, golden)[0].inputs
        output, first = self._timed(probe)
        _, again = self._timed(probe)
        self.first_call_ms = 1e3 * first
        calls = pool_size(*place, again)
        self._pool = make_pool(*place, calls, seed, golden)
        self._inputs = [users.inputs for users in self._pool]
        self._outputs = [np.empty_like(output) for _ in range(calls)]
        self._times = np.empty(calls, dtype=np.int64)
        self._untimed = [self._call(inputs).copy() for inputs in self._inputs]
        self.warm_up_calls = 2 + calls + len(self.back_to_back(WARM_UP_SECONDS))

    def back_to_back(self, seconds: float) -> NDArray[np.int64]:
        """Passes through the inputs for that long, at least one: service times in ns [calls]."""
        passes: list[NDArray[np.int64]] = []
        end = time.perf_counter() + seconds
        while not passes or time.perf_counter() < end:
            call_loops.back_to_back(self._call, self._inputs, self._outputs, self._times)
            self._check(len(self._times))
            passes.append(self._times.copy())
        return np.concatenate(passes)

    def paced(self, period_ns: int, calls: int) -> NDArray[np.int64]:
        """Calls every `period_ns`: latencies in ns [calls]. Checks the last output of every input."""
        latencies = np.empty(calls, dtype=np.int64)
        call_loops.paced(self._call, self._inputs, self._outputs, latencies, period_ns)
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
        return self._stages(self._inputs[0]) if self._stages else []

    def gaps(self) -> tuple[float, float]:
        """The host's noise where this process runs, see :func:`call_loops.gaps`."""
        return call_loops.gaps(GAP_SECONDS)

    def _timed(self, inputs: Array) -> tuple[Array, float]:
        begun = time.perf_counter()
        output = self._call(inputs)
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
        return self._task.energies(self._call(self._golden.inputs), self._golden.targets).mean_db()

    def _nmse(self, outputs: list[Array]) -> float | None:
        if self._golden is None:
            return None
        pairs = zip(outputs, self._pool, strict=True)
        return Energies.join(self._task.energies(found, users.targets) for found, users in pairs).mean_db()


def _difference(timed: Array, untimed: Array) -> float:
    norm = float(np.linalg.norm(untimed))
    return float(np.linalg.norm(timed - untimed)) / norm if norm > 0 else 0.0
