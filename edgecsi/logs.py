"""What edgecsi says while it works: standard `logging`, under the logger `edgecsi`.

The command line shows it on stderr as plain lines, as scripts and benchmarks do after :func:`setup`. Who uses
edgecsi as a library hears nothing until they configure logging, as for any library.
"""

from __future__ import annotations

import logging
import sys

from edgecsi.printable import printable

LEVELS = ("debug", "info", "warning", "error")
LOGGER = logging.getLogger("edgecsi")


class StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is when a line is said, also where that was replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line, at once."""
        try:
            text = self.format(record)
            if record.exc_info is None and record.stack_info is None:
                text = printable(text)  # one line each
            print(printable(text, lines=True), file=sys.stderr, flush=True)
        except Exception:  # logging never ends a program
            self.handleError(record)


def setup(level: str = "info") -> None:
    """Show lines from `level` (one of :data:`LEVELS`) upwards on stderr; a second call changes the level."""
    LOGGER.setLevel(level.upper())
    if not any(isinstance(handler, StderrHandler) for handler in LOGGER.handlers):
        LOGGER.addHandler(StderrHandler())
