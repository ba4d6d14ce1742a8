"""Ctrl-C beside HDF5, and the other signals that end a command (:mod:`edgecsi.stopping`).

One that comes while HDF5 works reaches Python inside a weakref callback of h5py, where exceptions are
dropped. So it is noted instead, and raised between two blocks.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgecsi.stopping import STOPS, raise_stopped


@contextmanager
def interrupts_noted() -> Iterator[Callable[[], None]]:
    """Note Ctrl-C while the block runs; the yielded function, and the end, raise what it means."""
    noted: list[int] = []
    # Elsewhere a signal is not ours: another thread can't hear it, another handler has its own meaning.
    ours = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(STOPS, raise_stopped)}
    main = threading.current_thread() is threading.main_thread()
    heard = [number for number, meaning in ours.items() if main and signal.getsignal(number) is meaning]

    def raise_noted() -> None:
        if noted:
            ours[signal.Signals(noted[0])](noted[0], None)

    for number in heard:
        signal.signal(number, lambda number, _: noted.append(number))
    try:
        yield raise_noted
    finally:
        for number in heard:
            signal.signal(number, ours[number])
    raise_noted()
