import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from edgecsi.cli import cli
from edgecsi.errors import UnavailableError
from edgecsi.export.targets import TARGETS, get_target

LIGHT = """
import sys
for name in ("torch", "onnx", "openvino", "tensorrt_rtx", "tensorrt_rtx_bindings", "tensorrt"):
    sys.modules[name] = None  # as if it were not installed
from edgecsi.cli import cli
cli(["targets", "--json", "-"])
"""


def test_an_unknown_target_lists_the_known_ones():
    with pytest.raises(UnavailableError, match="unknown target 'trt-fp4'; choose from trt-fp16, ort-fp32"):
        get_target("trt-fp4")


def test_targets_prints_every_target():
    result = CliRunner().invoke(cli, ["targets"])
    assert result.exit_code == 0
    assert all(name in result.output for name in TARGETS)


def test_targets_json_says_what_builds_here(tmp_path):
    path = tmp_path / "targets.json"
    assert CliRunner().invoke(cli, ["targets", "--json", str(path)]).exit_code == 0
    states = {state["target"]: state for state in json.loads(path.read_text())}
    assert set(states) == set(TARGETS)
    assert states["ort-fp32"]["why_not_build"] is None
    assert states["ort-fp32"]["why_not_run"] is None


def test_a_light_install_lists_the_targets_with_reasons():
    result = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    reasons = {state["target"]: state["why_not_build"] for state in json.loads(result.stdout)}
    assert reasons["ort-fp32"] is None
    assert "pip install 'edgecsi[openvino]'" in reasons["openvino-fp32"]
    assert "pip install 'edgecsi[tensorrt-rtx]'" in reasons["trt-fp16"]


def test_building_where_the_library_is_missing_says_so(monkeypatch, student_onnx):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(
        UnavailableError, match="openvino-fp32 can't be built here: openvino is not installed"
    ):
        TARGETS["openvino-fp32"].build(student_onnx)
