"""SIGTERM and SIGHUP end a command as Ctrl-C does: by an exception, so that everything cleans up."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

STOPS = (signal.SIGTERM, signal.SIGHUP)
_owner = 0


class Stopped(KeyboardInterrupt):
    """The system, or whoever closed the terminal, wants this process to end. number: of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def listen() -> Callable[[], None]:
    """Raise :class:`Stopped` on SIGTERM and SIGHUP from now on; returns what undoes that.

    One that is ignored stays ignored (nohup), and one that somebody else handles stays theirs.
    """
    global _owner
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    _owner = os.getpid()
    mine = [number for number in STOPS if signal.getsignal(number) is signal.SIG_DFL]
    for number in mine:
        signal.signal(number, raise_stopped)
    tell = sys.unraisablehook

    def again(lost: Any) -> None:
        """Python drops what is raised in a weak reference's callback or a finalizer: send it again, after."""
        if isinstance(lost.exc_value, Stopped):
            later = threading.Timer(0.01, os.kill, (os.getpid(), lost.exc_value.number))
            later.daemon = True
            later.start()
        else:
            tell(lost)

    sys.unraisablehook = again

    def undo() -> None:
        sys.unraisablehook = tell
        for number in mine:
            signal.signal(number, signal.SIG_DFL)

    return undo


def raise_stopped(number: int, _: FrameType | None) -> None:
    """The handler. A fork of the command has nothing to clean up: it ends as it would without us."""
    if os.getpid() != _owner:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    raise Stopped(number)
