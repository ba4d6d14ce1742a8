"""Writing a bundle: all of it or nothing, and only what :func:`open_bundle` accepts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgecsi.bundle.manifest import MANIFEST_FILE, Manifest
from edgecsi.bundle.reader import Bundle, open_bundle
from edgecsi.bundle.seal import sealed
from edgecsi.errors import BundleError
from edgecsi.files import atomic_folder


def write_bundle(path: str | os.PathLike[str], manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """Write the bundle folder `path` with `files` (name -> bytes), whose hashes go into the manifest.

    The bundle replaces an older one at `path` in one step: a crash, a kill or a full disk leaves the old
    bundle or the new one. Raises BundleError when `path` is something else than a bundle, or when the
    bundle would not open (a file lacking, a name that leaves the folder, external data in a graph).
    """
    path = Path(path)
    _check_replaceable(path)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    text = manifest.model_copy(update={"files": hashes}).model_dump_json()
    value = sealed(json.loads(text))
    with atomic_folder(path) as folder:
        for name, data in files.items():
            (folder / _plain(name)).write_bytes(data)
        (folder / MANIFEST_FILE).write_text(
            json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        bundle = open_bundle(folder)
    return replace(bundle, path=path)


def _plain(name: str) -> str:
    if os.path.basename(name) != name or name in ("", ".", "..", MANIFEST_FILE):
        raise BundleError(f"a bundle can't hold a file named {name!r}: use a plain file name")
    return name


def _check_replaceable(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not (path / MANIFEST_FILE).is_file()):
        raise BundleError(f"{path} exists and is no bundle; remove it or choose another name")
