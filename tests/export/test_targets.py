import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from edgecsi.cli import cli
from edgecsi.errors import UnavailableError
from edgecsi.export.builders import tensorrt
from edgecsi.export.targets import all_targets, get_target

LIGHT = """
import sys
for name in ("torch", "onnx", "openvino", "tensorrt_rtx", "tensorrt_rtx_bindings", "tensorrt"):
    sys.modules[name] = None  # as if it were not installed
from edgecsi.cli import cli
cli(["targets", "--json", "-"])
"""


def test_an_unknown_target_lists_the_known_ones():
    with pytest.raises(
        UnavailableError, match=r"'trt-fp4'; did you mean 'trt-fp16'\? There are native-fp32, .*trt-int8$"
    ):
        get_target("trt-fp4")


def test_a_target_is_a_precision_of_an_engine():
    assert [target.name for target in all_targets()] == [
        "native-fp32", "native-bf16", "ort-fp32", "ort-int8", "openvino-fp32", "openvino-bf16",
        "openvino-int8", "openvino-int8-bf16", "trt-fp16", "trt-int8",
    ]  # fmt: skip
    both = get_target("trt-int8")
    assert [row.name for row in both.rows] == ["tensorrt", "tensorrt-rtx"]
    assert (both.engine, both.calibrated, both.solves_fp32) == (tensorrt.engine(), True, False)
    assert both.modules == (
        "edgecsi.runtime.engines.tensorrt",
        "edgecsi.export.builders.tensorrt",
        "edgecsi.export.lowering.fp16",
    )
    assert get_target("ort-fp32").libraries == ("onnxruntime", "onnx")


def test_flavours_of_a_library_promise_the_same():
    """What is said of a target is read from the first of its rows."""
    for target in all_targets():
        assert {repr(row.precisions[target.precision]) for row in target.rows} == {repr(target.promise)}
        assert {row.builder for row in target.rows} == {target.rows[0].builder}


def test_targets_prints_every_target():
    result = CliRunner().invoke(cli, ["targets"])
    assert result.exit_code == 0
    assert all(target.name in result.output for target in all_targets())


def test_targets_json_says_what_builds_here(tmp_path):
    path = tmp_path / "targets.json"
    assert CliRunner().invoke(cli, ["targets", "--json", str(path)]).exit_code == 0
    states = {state["target"]: state for state in json.loads(path.read_text())}
    assert set(states) == {target.name for target in all_targets()}
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
        get_target("openvino-fp32").build(student_onnx)
