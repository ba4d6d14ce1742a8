"""Writing that a crash can't leave half done: temporary name, fsync, rename."""

from __future__ import annotations

import ctypes
import errno
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


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
    """Yield a temporary path beside `path`; on success fsync and rename it there, on failure remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
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
    in between leaves the old one under a `.old` name that readers use and the next write restores.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    recover_folder(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        os.chmod(temporary, 0o755)
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
    old, written = old_name(path), path.parent.glob(f".{glob.escape(path.name)}.*.tmp")
    return not path.exists() and old.is_dir() and any(folder.is_dir() for folder in written)


def old_name(path: Path) -> Path:
    """Where :func:`atomic_folder` keeps the old `path` between its two renames."""
    return path.with_name(f".{path.name}.old")


def sweep(path: Path) -> None:
    """Remove what killed writers of `path` left beside it; only while no other writer can be at work."""
    recover_folder(path)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
        leftover.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; NaN and infinity are refused, since they are not JSON."""
    text = json.dumps(value, indent=2, allow_nan=False)
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
