"""A measuring process: one subject at one setting, told what to do over a pipe.

Every subject has a process of its own, so that thread pools, affinity and memory of one engine can't
touch another's, and so that an engine that crashes takes only itself down.
"""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import EdgeCsiError, UnavailableError
from edgecsi.latency import realtime
from edgecsi.latency.call_loops import quiet_collector
from edgecsi.latency.report_schema import GpuStages, OutputCheck, Setting
from edgecsi.latency.timed_subjects import Measurable
from edgecsi.latency.warm_engine import WarmEngine
from edgecsi.users import Users


@dataclass(frozen=True)
class Job:
    """What a measuring process is to load. golden: users of the subject's task and radio setting."""

    subject: Measurable
    setting: Setting
    seed: int
    golden: Users | None
    realtime: bool


@dataclass(frozen=True)
class Ready:
    """What starting cost, and what the process is allowed to do."""

    load_ms: float
    first_call_ms: float
    warm_up_calls: int
    scheduler: str
    memory_locked: bool
    realtime: str


class Worker:
    """Parent's side of a measuring process. Every method raises UnavailableError with the engine's reason."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, job), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """Of the measuring process."""
        return self._process.pid

    def wait_ready(self) -> Ready:
        """Wait until the subject is loaded and warm."""
        return self._receive()

    def back_to_back(self, seconds: float) -> NDArray[np.int64]:
        """Passes through the inputs for that long, at least one: service times in ns [calls]."""
        return self._ask("back_to_back", seconds)

    def paced(self, period_ns: int, calls: int) -> NDArray[np.int64]:
        """Calls at absolute moments: latencies from the scheduled moments in ns [calls]."""
        return self._ask("paced", period_ns, calls)

    def outputs(self) -> OutputCheck:
        """Outputs of the latest timed calls beside the untimed ones."""
        return self._ask("outputs")

    def gpu_stages(self) -> list[GpuStages]:
        """Where the time of a GPU call goes; empty on a CPU."""
        return self._ask("gpu_stages")

    def gaps(self) -> tuple[float, float]:
        """The host's noise: longest gap in us, share of time lost."""
        return self._ask("gaps")

    def _ask(self, method: str, *arguments: float) -> Any:
        self._pipe.send((method, arguments))
        return self._receive()

    def _receive(self) -> Any:
        try:
            reply = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            raise UnavailableError(f"its process ended with status {self._process.exitcode}") from None
        if isinstance(reply, EdgeCsiError):
            raise reply
        return reply

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(timeout=5 if error is None else 0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(pipe: Connection, job: Job) -> None:
    """The measuring process: any failure of the engine becomes the reason in its row of the report."""
    try:
        if job.setting.cpus is not None:
            os.sched_setaffinity(0, job.setting.cpus)
        rights = realtime.request() if job.realtime else "not asked for"
        engine = WarmEngine(job.subject, job.setting, job.seed, job.golden)
        pipe.send(
            Ready(
                load_ms=engine.load_ms,
                first_call_ms=engine.first_call_ms,
                warm_up_calls=engine.warm_up_calls,
                scheduler=realtime.scheduler(),
                memory_locked=realtime.memory_locked(),
                realtime=rights,
            )
        )
        with quiet_collector():
            while True:
                method, arguments = pipe.recv()
                pipe.send(getattr(engine, method)(*arguments))
    except (EOFError, KeyboardInterrupt):  # the parent has finished, or is being stopped
        return
    except EdgeCsiError as error:
        pipe.send(UnavailableError(str(error)))
    except Exception as error:
        pipe.send(UnavailableError(f"{type(error).__name__}: {error}"))
