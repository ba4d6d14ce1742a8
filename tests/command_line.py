"""The command line in this process: what a shell would see of it."""

import contextlib
import io
import re
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


def refuse(arguments: tuple[object, ...], words: str, code: int = 1) -> None:
    """Assert that the command fails with one line that holds `words`; stages may have said that they run."""
    done = edgecsi(*arguments)
    assert done.code == code, done.stderr
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if not re.match(r"[\w-]+: (running$|epoch )", line)]
    assert len(said) == 1, done.stderr
    assert said[0].startswith("edgecsi: error: ")
    assert words in said[0]
