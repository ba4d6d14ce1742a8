"""The life of a started engine: one call at a time, in the process that started it, until it is closed.

Engine libraries have threads of their own, which `fork` leaves behind, and may not be freed under a call. So
a child process gets one line instead of a call that never ends, and nothing of the engine is freed there; and
when the interpreter ends, engines are closed behind the call that is under way.
"""

from __future__ import annotations

import atexit
import ctypes
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from edgecsi.errors import DeadlineMissed, EdgeCsiError
from edgecsi.runtime.engine import Engine

EXIT_S = 5.0  # how long the end of the interpreter waits for calls that are under way, all together
PARKED_S = 5.0  # a daemon thread that still calls then is kept here, where ending it does no harm

Found = TypeVar("Found")
Work = Callable[[Engine], Found]
_Answer = tuple[bool, Any]  # (True, result) or (False, exception)
_Job = tuple[Work[Any], Engine, "SimpleQueue[_Answer]"]


class Life:
    """Holds an engine and lends it to one call at a time."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine: Engine | None = engine
        self._name = name
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[_Job | None] | None = None
        _living[id(self)] = weakref.ref(self, _forget(id(self)))

    @property
    def closed(self) -> bool:
        """Whether no call is possible any more."""
        return self._engine is None

    def call(self, work: Work[Found], timeout_s: float | None = None) -> Found:
        """work(engine), when it is this call's turn.

        Raises EdgeCsiError once it is closed or in another process, and DeadlineMissed `timeout_s` after the
        call: the caller is free then, the engine when the work ends.
        """
        if os.getpid() != self._pid:
            raise EdgeCsiError(f"{self._name} was loaded before fork; load it in each process")
        if timeout_s is not None:
            return self._call_within(work, timeout_s)
        with self._lock:
            if self._engine is not None:
                return work(self._engine)
        raise self._refusal()

    def close(self, timeout_s: float | None = None) -> bool:
        """Free the engine behind the call that is under way; a second time, nothing.

        False where that call didn't end within `timeout_s`: the engine stays.
        """
        if os.getpid() != self._pid:
            return True  # the engine is the parent's
        if not self._lock.acquire(timeout=-1 if timeout_s is None else timeout_s):
            return False
        try:
            self._engine = None
            if self._jobs is not None:
                self._jobs.put(None)
                self._jobs = None
        finally:
            self._lock.release()
        return True

    def _refusal(self) -> EdgeCsiError:
        if _exiting and threading.current_thread().daemon:
            time.sleep(PARKED_S)  # the interpreter is gone by then, and stops no thread within a library
        return EdgeCsiError(f"{self._name} is closed; load it again")

    def _call_within(self, work: Work[Found], timeout_s: float) -> Found:
        if not (isinstance(timeout_s, int | float) and 0 < timeout_s < math.inf):
            raise EdgeCsiError(f"timeout_s must be a number of seconds above 0, got {timeout_s!r}")
        end = time.monotonic() + timeout_s
        if not self._lock.acquire(timeout=min(timeout_s, threading.TIMEOUT_MAX)):
            raise DeadlineMissed(f"{self._name} is busy with another call for {timeout_s:g} s")
        if self._engine is None:
            self._lock.release()
            raise self._refusal()
        answer: SimpleQueue[_Answer] = SimpleQueue()
        try:
            self._helper().put((work, self._engine, answer))
        except RuntimeError as error:  # no more threads
            self._lock.release()
            raise EdgeCsiError(f"no thread to watch the time limit with: {error}") from error
        try:  # the helper gives the lock back
            done, value = answer.get(timeout=max(0.0, min(end - time.monotonic(), threading.TIMEOUT_MAX)))
        except Empty:
            raise DeadlineMissed(f"{self._name} did not answer within {timeout_s:g} s") from None
        if not done:
            raise value
        return value

    def _helper(self) -> SimpleQueue[_Job | None]:
        """The queue of a thread that computes for callers with a time limit."""
        if self._jobs is None:
            jobs: SimpleQueue[_Job | None] = SimpleQueue()
            threading.Thread(target=_work, args=(self._lock, jobs), name="edgecsi", daemon=True).start()
            self._jobs = jobs
        return self._jobs

    def __del__(self) -> None:
        jobs = getattr(self, "_jobs", None)
        if jobs is not None and os.getpid() == self._pid:
            jobs.put(None)

    def _leak(self) -> None:
        """Let nothing of the engine ever be freed in this process."""
        if self._engine is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._engine))
        self._engine = None


def _work(lock: threading.Lock, jobs: SimpleQueue[_Job | None]) -> None:
    while job := jobs.get():
        work, engine, answer = job
        try:
            value: _Answer = (True, work(engine))
        except BaseException as error:
            value = (False, error)
        del work, engine, job  # whoever has the lock next may free the engine
        lock.release()
        answer.put(value)
        del value, answer


_LIBC = ctypes.CDLL(None)
_living: dict[int, weakref.ref[Life]] = {}
_exiting = False


def _forget(key: int) -> Callable[[weakref.ref[Life]], object]:
    return lambda _: _living.pop(key, None)


def _after_fork() -> None:
    """In the child: the engines' threads don't exist here, and freeing one would wait for them for ever.

    So would ONNX Runtime's own cleaning up at exit: once Python has ended, the process ends.
    """
    lives = [life for reference in list(_living.values()) if (life := reference()) is not None]
    for life in lives:
        life._leak()
    _living.clear()
    if lives and hasattr(_LIBC, "on_exit"):
        _LIBC.on_exit(_LIBC._exit, None)  # before everything that was registered before


def _at_exit() -> None:
    global _exiting
    _exiting = True
    end = time.monotonic() + EXIT_S
    for reference in list(_living.values()):
        life = reference()
        if life is not None and not life.close(max(0.0, end - time.monotonic())):
            life._leak()  # a call that doesn't end still computes with it


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
