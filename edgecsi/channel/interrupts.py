"""Ctrl-C beside HDF5.

A Ctrl-C that comes while HDF5 works reaches Python inside a weakref callback of h5py, where exceptions are
dropped. So it is noted instead, and raised between two blocks.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_noted() -> Iterator[Callable[[], None]]:
    """Note Ctrl-C while the block runs; the yielded function, and the end, raise KeyboardInterrupt."""
    noted: list[int] = []

    def raise_noted() -> None:
        if noted:
            raise KeyboardInterrupt

    # Elsewhere Ctrl-C is not ours: another thread can't hear it, another handler has its own meaning.
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield raise_noted
        return
    signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield raise_noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    raise_noted()
