"""The public Python API: every name is there, documented and typed, and an import costs nothing."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import edgecsi

CLIENT = """
import edgecsi

predictor = edgecsi.load("x.edgecsi", threads=1, radio=edgecsi.RadioSetting())
reveal_type(predictor)
reveal_type(predictor.predict([0j]))
reveal_type(predictor.radio.carrier_hz)
reveal_type(edgecsi.compress(["ort-fp32"]).metrics["as given"]["student"].steps_db)
reveal_type(edgecsi.latency_report(["x.edgecsi"]))
reveal_type(edgecsi.Dataset("x.h5").radio)
"""
REVEALED = (
    "edgecsi.runtime.predictor.Predictor",
    "complexfloating",
    "float",
    "list[float]",
    "LatencyReport",
    "RadioSetting",
)


@pytest.mark.parametrize("name", [name for name in edgecsi.__all__ if name != "__version__"])
def test_a_public_name_is_there_and_documented(name):
    assert inspect.getdoc(getattr(edgecsi, name))
    assert name in dir(edgecsi)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = edgecsi.predict


def test_importing_edgecsi_imports_nothing_heavy():
    script = "import sys, edgecsi; print(*{'torch', 'numpy', 'onnxruntime', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_what_a_client_gets_is_typed(tmp_path):
    client = tmp_path / "client.py"
    client.write_text(CLIENT)
    config = Path(__file__).parents[1] / "pyproject.toml"
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), str(client)]
    done = subprocess.run(command, capture_output=True, text=True)
    revealed = [line for line in done.stdout.splitlines() if "Revealed type" in line]
    assert done.returncode == 0, done.stdout
    assert len(revealed) == len(REVEALED)
    for line, wanted in zip(revealed, REVEALED, strict=True):
        assert wanted in line
        assert "Any" not in line.replace("tuple[Any, ...]", "")
