"""A file under HDF5 that survives a full disk.

HDF5 can't close a file that it can't flush: it keeps trying, and crashes the process at exit. So the first
error is remembered, later writes go nowhere, HDF5 closes in peace, and the error is raised afterwards.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path


class PatientFile(io.FileIO):
    """The file `path`, emptied, whose errors wait for :meth:`raise_error` and then speak of `known_as`."""

    def __init__(self, path: Path, known_as: Path) -> None:
        super().__init__(path, "w+")
        self.known_as = known_as
        self._error: OSError | None = None

    def write(self, data: memoryview) -> int:
        """Write all of `data`, or pretend to."""
        left = memoryview(data).cast("B")
        while left and self._error is None:
            left = left[self._attempt(super().write, left) or 0 :]
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the file's size, or pretend to."""
        self._attempt(super().truncate, size)
        return size or 0

    def raise_error(self) -> None:
        """Raise the first error, if there was one."""
        if self._error:
            raise OSError(self._error.errno, self._error.strerror, str(self.known_as))

    def _attempt(self, action: Callable[..., int], argument: object) -> int | None:
        try:
            return action(argument) if self._error is None else None
        except OSError as error:
            self._error = error
            return None
