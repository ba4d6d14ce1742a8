"""Every script starts: what it imports is there, and it says what it is for."""

import importlib
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted(path.stem for path in (Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_explains_itself(name, monkeypatch, capsys):
    module = importlib.import_module(name)
    if not hasattr(module, "main"):
        return
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    assert stopped.value.code == 0
    assert "usage: " in capsys.readouterr().out
