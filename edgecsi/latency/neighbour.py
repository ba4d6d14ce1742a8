"""A stressed neighbour: a process on another core that keeps memory and last-level cache busy."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np

BUFFER_BYTES = 64 << 20  # larger than the last-level cache's share of a core


def neighbour_cpu(cpus: tuple[int, ...] | None) -> int:
    """Where the neighbour runs: a CPU beside the pinned ones if there is any, else the last allowed one."""
    allowed = sorted(os.sched_getaffinity(0))
    return next((cpu for cpu in allowed if cpu not in (cpus or ())), allowed[-1])


@contextmanager
def stressed_neighbour(cpu: int) -> Iterator[None]:
    """Keep `cpu` copying memory inside."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_copy_memory, args=(theirs, cpu), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv_bytes()  # it has begun
        yield
    finally:
        process.kill()
        process.join()
        ours.close()


def _copy_memory(pipe: Connection, cpu: int) -> None:
    os.sched_setaffinity(0, {cpu})
    source = np.ones(BUFFER_BYTES // 8)
    target = np.empty_like(source)
    pipe.send_bytes(b"begun")
    parent = os.getppid()
    while os.getppid() == parent:  # a parent that was killed can't stop us
        np.copyto(target, source)
