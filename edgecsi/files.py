"""Writing that a crash can't leave half done: temporary name, fsync, rename."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from edgecsi.errors import EdgeCsiError

# A temporary is called `.NAME.<where>_<pid>_<start>_<random>.tmp`: its writer's machine and life are in it.
_OWNED = re.compile(r"\.(?P<name>.+)\.(?P<where>[0-9a-f]{8})_(?P<pid>\d+)_(?P<start>\d+)_[0-9a-f]{8}\.tmp")
_STALE_SECONDS = 24 * 3600  # of another machine's temporary, whose writer can't be asked


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a plain file; EdgeCsiError for one that is larger than `limit` or can't be read."""
    try:
        # Opening a pipe waits for its writer, and a device never ends.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISDIR(status.st_mode):
                raise EdgeCsiError(f"{path}: a folder, not a file")
            if not stat.S_ISREG(status.st_mode):
                raise EdgeCsiError(f"{path}: no plain file")
            content = file.read(min(status.st_size, limit) + 1)
    except OSError as error:
        raise EdgeCsiError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise EdgeCsiError(f"{path}: {error}") from error
    if len(content) > limit:
        raise EdgeCsiError(f"{path}: more than {limit / 1e6:g} MB, too much for such a file")
    return content


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (fsync of the directory itself)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """fsync every file and folder below `folder`."""
    for root, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(root, name), "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync and rename it there, on failure remove it.

    Rights are those of any new file there: the umask's, the folder's group and its default ACL.
    """
    temporary = _temporary(path)
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it takes the place of `path` in one step.

    Where kernel and file system can exchange two names, `path` is always the old folder or the new one. Else
    a folder can't be renamed over a full one, so an old `path` is moved aside first and removed last; a kill
    in between leaves the old one under a `.old` name that readers use and the next write restores. Rights are
    those of any new folder there.
    """
    recover_folder(path)
    temporary = _temporary(path)
    try:
        temporary.mkdir()
        yield temporary
        sync_tree(temporary)
        replaced = _put_in_place(temporary, path)
        sync_folder(path.parent)
        if replaced is not None:
            shutil.rmtree(replaced, ignore_errors=True)
    except BaseException:
        recover_folder(path)  # first: the temporary folder tells that a write was under way
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _put_in_place(temporary: Path, path: Path) -> Path | None:
    """Give a finished folder its name; returns where the folder is that had it before."""
    if not path.exists():
        os.rename(temporary, path)
        return None
    if exchange(temporary, path):
        return temporary
    old = old_name(path)
    os.rename(path, old)
    os.rename(temporary, path)
    return old


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where kernel or file system can't."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = (os.fsencode(path.absolute()) for path in (one, other))
    here = -100  # AT_FDCWD; no matter, the names are absolute
    first, second = names
    sys.audit("os.rename", os.fspath(one), os.fspath(other), -1, -1)  # ctypes tells no auditor of it
    if rename(here, first, here, second, ctypes.c_uint(2)) == 0:  # RENAME_EXCHANGE
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))


def reserve(descriptor: int, size: int, path: Path) -> None:
    """Take room for `size` bytes of an open file that will be known as `path`; OSError if there is none."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: no room for {size / 1e6:.1f} MB", str(path)) from error


def recover_folder(path: Path) -> None:
    """Undo an :func:`atomic_folder` that was killed between its two renames."""
    old = old_name(path)
    if old.exists():
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif was_interrupted(path):
            os.rename(old, path)


def was_interrupted(path: Path) -> bool:
    """Whether `path` is away because a write died between its two renames.

    Its new folder is still under a temporary name then. Otherwise somebody removed `path`, and what is left
    of an older one must not come back.
    """
    if path.exists() or not old_name(path).is_dir():
        return False
    return any(entry.is_dir() for entry in _entries(path.parent) if _is_temporary_of(entry, path))


def old_name(path: Path) -> Path:
    """Where :func:`atomic_folder` keeps the old `path` between its two renames."""
    return path.with_name(f".{path.name}.old")


def sweep(path: Path) -> None:
    """Remove what dead writers of `path` left beside it.

    A temporary that doesn't name its writer, of an older edgecsi, is removed too: call this only where no
    such writer can be at work.
    """
    recover_folder(path)
    for leftover in _entries(path.parent):
        if _is_temporary_of(leftover, path) and (
            _OWNED.fullmatch(leftover.name) is None or _is_dead(leftover)
        ):
            _remove(leftover)


def sweep_folder(folder: Path) -> None:
    """Remove what dead writers left in `folder`, whatever they wrote; never what a live one is at.

    Everything that writes here does this first, so one run of any verb clears what a killed one left.
    """
    for leftover in _entries(folder):
        owner = _OWNED.fullmatch(leftover.name)
        if owner and _is_dead(leftover):
            recover_folder(folder / owner["name"])  # while its temporary still tells of it
            _remove(leftover)


def copy_folder(source: Path, destination: Path) -> None:
    """Copy the files below `source` into a folder that is there; the copies have the rights of new files."""
    for root, _, names in os.walk(source):
        place = destination / os.path.relpath(root, source)
        place.mkdir(exist_ok=True)
        for name in names:
            shutil.copyfile(os.path.join(root, name), place / name)


def _temporary(path: Path) -> Path:
    """A name beside `path` that says whose it is, in a folder that is there and swept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep_folder(path.parent)
    pid = os.getpid()
    owner = f"{_where()}_{pid}_{_started(pid) or 0}_{secrets.token_hex(4)}"
    return path.with_name(f"{_prefix(path)}{owner}.tmp")


def _prefix(path: Path) -> str:
    return f".{path.name[:150]}."  # a name has at most 255 bytes


def _is_temporary_of(entry: Path, path: Path) -> bool:
    return entry.name.startswith(_prefix(path)) and entry.name.endswith(".tmp")


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return [folder / entry.name for entry in found if entry.name.startswith(".")]
    except OSError:  # none there, or one that can be written but not listed
        return []


def _is_dead(temporary: Path) -> bool:
    """Whether the process that a temporary names is gone."""
    owner = _OWNED.fullmatch(temporary.name)
    assert owner is not None
    if owner["where"] != _where():
        try:
            return time.time() - temporary.stat(follow_symlinks=False).st_mtime > _STALE_SECONDS
        except OSError:
            return False
    return str(_started(int(owner["pid"])) or 0) != owner["start"]


def _remove(leftover: Path) -> None:
    try:
        leftover.unlink()
    except IsADirectoryError:
        shutil.rmtree(leftover, ignore_errors=True)
    except OSError:  # another's, or gone already
        pass


@cache
def _where() -> str:
    """This machine and its process numbers: in another container the same number is another process."""
    try:
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{socket.gethostname()}\0{numbers}".encode()).hexdigest()[:8]


def _started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None if there is none. Numbers are used again."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *facts = file.read().rpartition(b")")[2].split()
        return None if state in (b"Z", b"X") else int(facts[18])
    except (OSError, ValueError, IndexError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; NaN and infinity are refused, since they are not JSON."""
    text = json.dumps(value, indent=2, allow_nan=False)
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
