"""The cache that holds what stages made, and runs those that are missing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from edgecsi.files import sha256_file, sync_folder, sync_tree, write_json
from edgecsi.progress import say
from edgecsi.stages.stage import Stage

RECORD = "stage.json"


class StageCache:
    """Results of stages below one folder, `<name>-<key>/` each. Safe for several processes at once.

    made, kept: the names of the stages that :meth:`get` ran, and of those that it found done.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[str] = []
        self.kept: list[str] = []

    def path(self, stage: Stage) -> Path:
        """Where the results of a stage are, or will be."""
        return self.root / f"{stage.name}-{stage.key}"

    def holds(self, stage: Stage) -> bool:
        """Whether the results are there and no byte of them has changed."""
        return _is_whole(self.path(stage))

    def get(self, stage: Stage) -> Path:
        """The folder with the stage's results; makes them where they are missing or damaged."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock(stage):
            if self.holds(stage):
                self.kept.append(stage.name)
            else:
                self._make(stage)
        return self.path(stage)

    def _make(self, stage: Stage) -> None:
        say(f"{stage.name}: running")
        staging = self.root / f".{stage.name}-{stage.key}.partial"
        staging.mkdir(exist_ok=True)
        if not _is_whole(staging):  # it is where a kill came between the record and the rename
            for leftover in staging.glob(".*.tmp"):  # of a killed writer; nobody else writes here
                shutil.rmtree(leftover, ignore_errors=True)
                leftover.unlink(missing_ok=True)
            stage.make(staging)
            options = stage.options.model_dump(mode="json")
            write_json(staging / RECORD, {"name": stage.name, "options": options, "files": digests(staging)})
        sync_tree(staging)
        shutil.rmtree(self.path(stage), ignore_errors=True)  # a damaged entry
        os.rename(staging, self.path(stage))
        sync_folder(self.root)
        self.made.append(stage.name)

    @contextmanager
    def _lock(self, stage: Stage) -> Iterator[None]:
        """Held by one process at a time; the system frees it when that process dies."""
        lock = FileLock(self.root / f".{stage.name}-{stage.key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"{stage.name}: another edgecsi is at it; waiting")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _is_whole(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / RECORD).read_text())["files"] == digests(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, but a stage's record, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return {str(path.relative_to(folder)): sha256_file(path) for path in files}
