"""A measuring process: one subject at one setting, told what to do over a pipe.

Every subject has a process of its own, so that thread pools, affinity and memory of one engine can't
touch another's, and so that an engine that crashes takes only itself down.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import EdgeCsiError, UnavailableError
from edgecsi.latency import inputs, measure
from edgecsi.latency.subjects import Measurable

WARM_UP_SECONDS = 0.5
NOT_FINITE = "the engine returned NaN or infinity"
DIFFERENT = "outputs of timed calls differ from the untimed ones"


@dataclass(frozen=True)
class Setting:
    """Users per call, engine threads, and the core to stay on (None: anywhere)."""

    users: int
    threads: int
    cpu: int | None = None


@dataclass(frozen=True)
class Ready:
    """What starting cost."""

    load_ms: float
    first_call_ms: float
    warm_up_calls: int


class Worker:
    """Parent's side of a measuring process. Every method raises UnavailableError with the engine's reason."""

    def __init__(self, subject: Measurable, setting: Setting, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, subject, setting, seed), daemon=True)
        self._process.start()
        theirs.close()
        self.ready: Ready | None = None

    def wait_ready(self) -> Ready:
        """Wait until the subject is loaded and warm."""
        self.ready = self._receive()
        return self.ready

    def back_to_back(self) -> NDArray[np.int64]:
        """One pass through the input pool; service times in ns [calls]."""
        self._pipe.send("back-to-back")
        return self._receive()

    def _receive(self) -> object:
        try:
            reply = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise UnavailableError(f"its process ended with status {self._process.exitcode}") from None
        if isinstance(reply, str):
            raise UnavailableError(reply)
        return reply

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(pipe: Connection, subject: Measurable, setting: Setting, seed: int) -> None:
    try:
        if setting.cpu is not None:
            os.sched_setaffinity(0, {setting.cpu})
        engine = _WarmEngine(subject, setting, seed)
        pipe.send(engine.ready)
        with measure.quiet_collector():
            while True:
                pipe.recv()
                pipe.send(engine.back_to_back())
    except EOFError:  # the parent has finished, or is gone
        return
    except EdgeCsiError as error:
        pipe.send(str(error))
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")


class _WarmEngine:
    """A loaded subject, its input pool and the outputs it gave untimed."""

    def __init__(self, subject: Measurable, setting: Setting, seed: int) -> None:
        start = time.perf_counter()
        started = subject.start(setting.threads)
        loaded = time.perf_counter()
        golden = subject.golden()
        probe = inputs.make_pool(started.shape, setting.users, 1, seed + 1, golden).histories
        begun = time.perf_counter()
        output = started.call(probe[0])
        first = time.perf_counter() - begun
        begun = time.perf_counter()
        started.call(probe[0])
        calls = inputs.pool_size(started.shape, setting.users, time.perf_counter() - begun)
        self._call = started.call
        self._pool = inputs.make_pool(started.shape, setting.users, calls, seed, golden)
        self._outputs = [np.empty_like(output) for _ in range(calls)]
        self._times = np.empty(calls, dtype=np.int64)
        self._untimed: list[NDArray[np.complex64]] = []
        passes = self._warm_up()
        self._untimed = [output.copy() for output in self._outputs]
        self.ready = Ready((loaded - start) * 1e3, first * 1e3, 2 + passes * calls)

    def _warm_up(self) -> int:
        passes, end = 0, time.perf_counter() + WARM_UP_SECONDS
        while passes == 0 or time.perf_counter() < end:
            self.back_to_back()
            passes += 1
        return passes

    def back_to_back(self) -> NDArray[np.int64]:
        measure.back_to_back(self._call, self._pool.histories, self._outputs, self._times)
        self._check()
        return self._times

    def _check(self) -> None:
        """Every output of the pass is finite and, once warm, what the same input gave untimed (to 1e-3)."""
        if not all(np.isfinite(output.view(np.float32)).all() for output in self._outputs):
            raise UnavailableError(NOT_FINITE)
        for timed, untimed in zip(self._outputs, self._untimed, strict=False):
            if np.linalg.norm(timed - untimed) > 1e-3 * np.linalg.norm(untimed):
                raise UnavailableError(DIFFERENT)
