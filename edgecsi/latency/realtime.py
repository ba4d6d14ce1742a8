"""Real-time rights of a measuring process: asked for when wanted, and never silently gone without."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

PRIORITY = 50
_MCL_CURRENT, _MCL_FUTURE = 1, 2
_SCHEDULERS = {
    os.SCHED_OTHER: "SCHED_OTHER",
    os.SCHED_BATCH: "SCHED_BATCH",
    os.SCHED_IDLE: "SCHED_IDLE",
    os.SCHED_FIFO: "SCHED_FIFO",
    os.SCHED_RR: "SCHED_RR",
}


def request() -> str:
    """Ask for SCHED_FIFO and mlockall; say what came of it."""
    answers = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        answers.append("SCHED_FIFO granted")
    except OSError as error:
        answers.append(f"SCHED_FIFO refused ({error.strerror}), measured without")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0:
        answers.append("mlockall granted")
    else:
        answers.append(f"mlockall refused ({os.strerror(ctypes.get_errno())}), measured without")
    return "; ".join(answers)


def scheduler() -> str:
    """This process's scheduling class."""
    return _SCHEDULERS.get(os.sched_getscheduler(0), "another class")


def memory_locked() -> bool:
    """Whether this process's memory is locked (all of it, when mlockall was granted)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmLck:"):
            return line.split()[1] != "0"
    return False
