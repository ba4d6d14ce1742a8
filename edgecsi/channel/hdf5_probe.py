"""The program of the process that looks at strange HDF5 files first: see :mod:`edgecsi.channel.hdf5_check`.

Its text is given to `python -c`, so it imports nothing of edgecsi. It reads lines of JSON, a path each, and
answers each with a line of JSON. Every file is walked in a forked process of its own, with limits of CPU
time, wall time and memory: whatever HDF5 does with a hostile file, only that process suffers.
"""

from __future__ import annotations

import json
import math
import os
import resource
import select
import signal
import time
import zlib
from collections.abc import Callable
from typing import Any

import h5py

CPU_SECONDS = 2
WALL_SECONDS = 20  # of a slow network disk too
MEMORY_BYTES = 1 << 30  # beyond what Python and HDF5 take at rest
CHUNK_BYTES = 1 << 28  # a larger one is not read here
INFLATED_BYTES = 1 << 25  # of packed chunks that are unpacked here, in all
IDLE_SECONDS = 30
MEMBERS = 16  # of a group that are looked at


def walk(path: str) -> None:
    """Read everything that edgecsi reads before it reads data, and one chunk of every dataset."""
    with h5py.File(path, "r", locking=False) as file:
        told(read_attributes, file)
        _ = file.userblock_size
        for name in list(file):
            told(look_at, file, name)


def told(step: Callable[..., Any], *given: Any) -> None:
    """What HDF5 refuses, it refuses the caller too, in words; only lack of memory is told from here."""
    try:
        step(*given)
    except MemoryError:
        raise
    except Exception as error:
        if any(words in str(error).lower() for words in ("memory allocation", "unable to allocate")):
            raise MemoryError from error


def read_attributes(item: Any) -> None:
    """Every attribute, one by one."""
    for name in list(item.attrs):
        told(item.attrs.__getitem__, name)


def look_at(file: Any, name: str) -> None:
    """One entry of the root, or of a group in it (Octave keeps a variable as one)."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return
    data = file[name]
    told(read_attributes, data)
    if isinstance(data, h5py.Group):
        for inner in list(data)[:MEMBERS]:
            if isinstance(data.get(inner, getlink=True), h5py.HardLink) and isinstance(
                data[inner], h5py.Dataset
            ):
                look_at(data, inner)
    if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external or not data.shape:
        return
    packed = 0
    filters = data.id.get_create_plist()
    for index in range(filters.get_nfilters()):
        packed += filters.get_filter(index)[0] == h5py.h5z.FILTER_DEFLATE
    data.id.get_storage_size()
    if packed > 1 or data.dtype.hasobject or 0 in data.shape:
        return
    one: Any = 0
    if data.chunks:
        if math.prod(data.chunks) * data.dtype.itemsize > CHUNK_BYTES:
            raise MemoryError
        look_at_chunks(data, bool(packed))
        one = tuple(slice(0, min(pair)) for pair in zip(data.chunks, data.shape, strict=True))
    elif math.prod(data.shape[1:]) * data.dtype.itemsize > CHUNK_BYTES:
        return
    told(data.__getitem__, one)
    if data.ndim == 1:
        told(data.__getitem__, ...)


def look_at_chunks(data: Any, packed: bool) -> None:
    """The place of every chunk; packed ones may not be larger than what they hold, and unpack to that."""
    size = math.prod(data.chunks) * data.dtype.itemsize
    chunks: list[Any] = []
    data.id.chunk_iter(chunks.append)
    if any(chunk.size > size + size // 64 + 4096 for chunk in chunks):
        raise MemoryError
    left = INFLATED_BYTES
    for chunk in chunks if packed else ():
        if left <= 0:
            break
        skipped, content = data.id.read_direct_chunk(chunk.chunk_offset)
        left -= size
        inflate = zlib.decompressobj()
        try:
            inflate.decompress(content, size + 5)  # Fletcher-32 may be inside
        except zlib.error:
            continue  # another filter came last, or damage, which is told where it is read
        if not skipped and inflate.unconsumed_tail and not inflate.eof:
            raise MemoryError


def limited(path: str, answer: int) -> None:
    """The forked process: walk under limits, say how it went, end."""
    code = 1
    try:
        with open("/proc/self/statm", "rb") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        try:
            told(walk, path)
            said = b"fine"
        except MemoryError:
            said = b"memory"
        os.write(answer, said)
        code = 0
    finally:
        os._exit(code)


def judge(path: str) -> str:
    """Why a file must not be opened; nothing if it may."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        limited(path, writing)
    os.close(writing)
    deadline = time.monotonic() + WALL_SECONDS
    said, late = b"", False
    while not late:
        late = not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]
        piece = b"" if late else os.read(reading, 100)
        if not piece:
            break
        said += piece
    os.close(reading)
    # What answered is done; what closed without an answer is dead or about to be.
    if late:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if late:
        return f"reading its tables takes more than {WALL_SECONDS} s"
    if said == b"memory":
        return f"reading its tables takes more than {MEMORY_BYTES >> 20} MB"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in (signal.SIGXCPU, signal.SIGKILL):
            return f"reading its tables takes more than {CPU_SECONDS} s of a CPU"
        return f"it crashes HDF5 (signal {number})"
    return "" if said == b"fine" else f"it ends HDF5 (exit code {os.WEXITSTATUS(status)})"


def main() -> None:
    """Answer until nobody asks any more."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the asker hears Ctrl-C, and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asked = b""
    while select.select([0], [], [], IDLE_SECONDS)[0]:
        piece = os.read(0, 1 << 16)
        if not piece:
            return
        asked += piece
        while b"\n" in asked:
            line, _, asked = asked.partition(b"\n")
            why = judge(os.fsdecode(bytes(json.loads(line))))
            os.write(1, json.dumps(why).encode() + b"\n")


if __name__ == "__main__":
    main()
