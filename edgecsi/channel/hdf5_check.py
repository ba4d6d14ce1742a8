"""Strange HDF5 files are looked at by another process first.

One flipped bit can make HDF5 loop for ever, deaf to Ctrl-C, or take all memory, and nothing in the same
process could end that. The other process (:mod:`edgecsi.channel.hdf5_probe`) is started once and walks every
file in a fork of its own, so that a file costs milliseconds and only the first 0.2 s; it ends with this
process, or when idle. A file that was found good, or that this process wrote, is not looked at again while it
is the same.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

from edgecsi.errors import DataError

_Key = tuple[int, int, int, int]
_PROBE = Path(__file__).with_name("hdf5_probe.py")
_RACY_NS = 50_000_000  # a file that was changed this shortly before it was found good may change unseen
_ANSWER_SECONDS = 60.0
_known: dict[_Key, int] = {}  # -> when it was found good, in ns
_lock = threading.RLock()
_asked: _Asked | None = None


def check_hdf5(path: Path) -> None:
    """:class:`DataError` for a file that HDF5 must not open."""
    before = _key(path)
    if _is_known(before):
        return
    if why := _ask(path):
        raise DataError(f"{path}: damaged or hostile: {why}; copy or write it again")
    if _key(path) == before:
        _known[before] = time.time_ns()


def trust(path: Path) -> None:
    """A file that this process wrote."""
    _known[_key(path)] = time.time_ns()


def _is_known(key: _Key) -> bool:
    found = _known.get(key)
    return found is not None and found - key[3] > _RACY_NS


def _key(path: Path) -> _Key:
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class _Asked:
    """The other process, as the process `owner` started it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # Isolated, so that neither the folder nor the environment of whoever gave the file says what runs.
        code = f"import sys; sys.path[:] = {sys.path!r}\n" + _PROBE.read_text(encoding="utf-8")
        code = code.replace("from __future__ import annotations\n", "")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for this process, which ends the other
        )

    def ask(self, path: Path) -> str | None:
        """What it says; None if it says nothing."""
        asked, told = self.process.stdin, self.process.stdout
        assert asked is not None
        assert told is not None
        answer = b""
        try:
            asked.write(json.dumps(list(os.fsencode(path.absolute()))).encode() + b"\n")
            while not answer.endswith(b"\n"):
                # select() hears Ctrl-C at any time.
                piece = b""
                if select.select([told], [], [], _ANSWER_SECONDS)[0]:
                    piece = told.read(1 << 12) or b""
                if not piece:
                    return None
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            return None
        return str(json.loads(answer))

    def end(self) -> None:
        """Kill it, unless it is another process's."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()


def _ask(path: Path) -> str:
    global _asked
    with _lock:
        if _asked is not None and (_asked.owner != os.getpid() or _asked.process.poll() is not None):
            _end()
        for _ in range(2):  # one that was idle may end just now
            fresh = _asked is None
            if _asked is None:
                _asked = _Asked()
            answer = None
            try:
                answer = _asked.ask(path)
            finally:
                if answer is None:
                    _end()  # also after Ctrl-C: its answer would be taken for another file's
            if answer is not None:
                return answer
            if fresh:
                break
    raise DataError(
        f"{path}: can't be looked at: {sys.executable} with h5py does not run as a second process"
    )


def _end() -> None:
    global _asked
    if _asked is not None:
        asked, _asked = _asked, None
        asked.end()


def _forget_lock() -> None:
    global _lock
    _lock = threading.RLock()  # another thread of the parent may have held it


atexit.register(_end)
os.register_at_fork(after_in_child=_forget_lock)
