"""The command line in this process: what a shell would see of it."""

import contextlib
import io
import sys
from dataclasses import dataclass
from unittest.mock import patch

from edgecsi.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def edgecsi(*arguments: object) -> Done:
    """Run `edgecsi ARGUMENTS`."""
    out, err = io.StringIO(), io.StringIO()
    argv = patch.object(sys, "argv", ["edgecsi", *map(str, arguments)])
    with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code or 0
    return Done(code, out.getvalue(), err.getvalue())
