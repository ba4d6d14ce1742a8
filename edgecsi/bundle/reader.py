"""Opening a bundle: nothing in it is trusted before its hash holds, since an engine is code.

Every file is read once, and the buffer that was hashed is the buffer that callers get: what happens to the
folder afterwards changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from edgecsi.bundle.golden import golden_from_bytes
from edgecsi.bundle.manifest import (
    GOLDEN_FILE,
    MANIFEST_FILE,
    SCHEMA_VERSION,
    STUDENT_FILE,
    Manifest,
)
from edgecsi.bundle.onnx_scan import scan
from edgecsi.bundle.seal import opened, parsed
from edgecsi.errors import BundleError
from edgecsi.files import old_name, was_interrupted
from edgecsi.users import Users

MAX_MANIFEST_BYTES = 1 << 20
ATTEMPTS = 100  # to open a bundle that others replace meanwhile
MAX_BUNDLE_BYTES = 1 << 31  # an ONNX file can't be larger either


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files all matched its manifest when it was opened."""

    path: Path
    manifest: Manifest
    digest: str  # SHA-256 of manifest.json, hex; through its hashes it names every byte of the bundle
    _contents: Mapping[str, bytes] = field(repr=False)

    def read(self, name: str) -> bytes:
        """The verified bytes of a file. Raises BundleError for a name that the manifest doesn't list."""
        if name not in self._contents:
            raise BundleError(f"{self.path} holds no {name!r}; it holds {', '.join(self._contents)}")
        return self._contents[name]

    def engine_files(self) -> dict[str, bytes]:
        """The files that the engine library takes, by name."""
        return {name: self.read(name) for name in self.manifest.engine.files}

    def golden(self) -> Users:
        """The golden users. Raises BundleError when they are none of the manifest's task and setting."""
        manifest = self.manifest
        users = golden_from_bytes(self.read(GOLDEN_FILE), manifest.the_task, manifest.radio)
        counts = {len(manifest.proof.golden_student_db), len(manifest.proof.golden_engine_db)}
        if counts != {len(users)}:
            raise BundleError(f"golden.npz holds {len(users)} users, its manifest tells of {sorted(counts)}")
        return users


def open_bundle(path: str | os.PathLike[str], digest: str | None = None) -> Bundle:
    """Read a bundle and check every byte of it; `digest` pins the one that is trusted.

    Raises BundleError, in one line, for a bundle that is missing, damaged, tampered with, of another
    schema version, or not the pinned one. No engine library has seen a byte by then.
    """
    path = Path(path)
    for attempt in range(ATTEMPTS):
        folder = _open_folder(path)
        try:
            return _read_bundle(folder, path, digest)
        except BundleError:
            if attempt == ATTEMPTS - 1 or not _was_replaced(folder, path):
                raise
        finally:
            os.close(folder)
    raise AssertionError("the last attempt returns or raises")


def _read_bundle(folder: int, path: Path, digest: str | None) -> Bundle:
    text = _read_file(folder, path, MANIFEST_FILE, MAX_MANIFEST_BYTES)
    found = hashlib.sha256(text).hexdigest()
    if digest is not None and digest.lower() != found:
        raise BundleError(f"{path} has digest {found}, not the pinned {digest}; it is another bundle")
    manifest = _parse(path, text)
    try:
        present = set(os.listdir(folder))
    except OSError as error:  # a folder that was removed meanwhile
        raise BundleError(f"{path} can't be listed ({error.strerror})") from error
    _check_listing(path, manifest, present)
    return Bundle(path, manifest, found, _read_all(folder, path, manifest))


def _was_replaced(folder: int, path: Path) -> bool:
    """Whether the name now is of another folder than the open one, whose files are being removed then."""
    opened_folder = os.fstat(folder)
    try:
        now = os.stat(path)
    except OSError:
        return was_interrupted(path)  # a writer is between its two renames
    return not os.path.samestat(opened_folder, now)


def _open_folder(path: Path) -> int:
    missing = 0  # looks in a row: a writer may come and go between two of them
    while missing < 3:
        try:
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except NotADirectoryError:
            break
        except FileNotFoundError:
            missing += not path.exists()
        if was_interrupted(path):  # a write killed between its two renames left the old bundle
            with suppress(OSError):
                return os.open(old_name(path), os.O_RDONLY | os.O_DIRECTORY)
    raise BundleError(f"{path} is no bundle: a bundle is a folder with a {MANIFEST_FILE}")


def _read_file(folder: int, path: Path, name: str, limit: int) -> bytes:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        raise BundleError(f"{path} has no {name}; it is incomplete or no bundle") from None
    except OSError as error:
        raise BundleError(f"{path}: {name} can't be read as a plain file ({error.strerror})") from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path}: {name} is no plain file")
        if status.st_size > limit:
            raise BundleError(f"{path}: {name} has {status.st_size} bytes, more than the limit of {limit}")
        # Python allocates what it is asked for, and where memory is locked the kernel fills it: not `limit`.
        return file.read(status.st_size + 1)  # one more, so that a file that grows loses its hash


def _parse(path: Path, text: bytes) -> Manifest:
    try:
        value = parsed(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: {MANIFEST_FILE} is damaged: {error}") from error
    version = value.get("schema_version") if isinstance(value, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{path}: {MANIFEST_FILE} has schema version {version!r}, this edgecsi reads {SCHEMA_VERSION}; "
            "use the edgecsi that wrote it, or build the bundle again"
        )
    try:
        value = opened(value)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: {MANIFEST_FILE} is damaged: {error}") from error
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]") or "manifest"
        said = first["msg"].removeprefix("Value error, ")
        raise BundleError(f"{path}: {MANIFEST_FILE} is wrong at {place!r}: {said}") from error


def _check_listing(path: Path, manifest: Manifest, present: set[str]) -> None:
    listed = set(manifest.files)
    required = {STUDENT_FILE, GOLDEN_FILE, *manifest.engine.files}
    if lacking := required - listed:
        raise BundleError(f"{path}: {MANIFEST_FILE} lists no {', '.join(sorted(lacking))}")
    if MANIFEST_FILE in listed:
        raise BundleError(f"{path}: {MANIFEST_FILE} lists itself")
    if unlisted := present - listed - {MANIFEST_FILE}:
        raise BundleError(
            f"{path} holds {', '.join(map(repr, sorted(unlisted)))}, which {MANIFEST_FILE} doesn't list; "
            "remove it or get the bundle again"
        )


def _read_all(folder: int, path: Path, manifest: Manifest) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    room = MAX_BUNDLE_BYTES
    for name, expected in manifest.files.items():
        contents[name] = _read_file(folder, path, name, room)
        room -= len(contents[name])
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise BundleError(f"{path}: {name} is damaged: its SHA-256 is not the manifest's; get it again")
    graphs: dict[str, str] = {}  # SHA-256 -> the first name of such a graph
    for name in contents:
        if name.lower().endswith(".onnx"):
            graphs.setdefault(manifest.files[name], name)
    for name in graphs.values():
        _check_self_contained(path, name, contents[name])
    return contents


def _check_self_contained(path: Path, name: str, graph: bytes) -> None:
    try:
        found = scan(graph)
    except ValueError as error:
        raise BundleError(f"{path}: {name} is no ONNX graph: {error}") from error
    if found.external is not None:
        raise BundleError(
            f"{path}: {name} keeps tensor {found.external!r} as external data, which no hash covers"
        )
    if found.foreign is not None:
        raise BundleError(f"{path}: {name} holds {found.foreign}; a network is made of ONNX's own operators")
