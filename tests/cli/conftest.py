import sys

import pytest

from edgecsi.cli import main


@pytest.fixture
def edgecsi(monkeypatch, capsys):
    """Run the command line as a shell would: arguments -> (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["edgecsi", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        return done.value.code or 0, *capsys.readouterr()

    return run
