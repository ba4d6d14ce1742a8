import numpy as np
import onnx
import pytest
import torch
from int8 import all_in_int8
from onnx import helper

from edgecsi.errors import BuildError, UnavailableError
from edgecsi.export.builders import onnxruntime as ort
from edgecsi.export.builders import openvino, tensorrt
from edgecsi.export.lowering import fp16
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.export.targets import all_targets, get_target
from edgecsi.models.cnn import Cnn
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS

CSI = TASKS.get("csi")
SMALL = RadioSetting(
    array=ArrayGeometry(columns=2, rows=1, polarisations=1), history=8, future=2, subcarriers=6
)


@pytest.mark.parametrize("target", all_targets(), ids=lambda target: target.name)
def test_a_target_builds_the_files_of_its_engine(target, lowered):
    if reason := target.why_not_build():
        pytest.skip(reason)
    built = target.build(lowered[target.name])
    assert built.engine == target.engine
    assert tuple(built.files) == target.row.files
    assert all(built.files.values())
    assert built.libraries
    assert sum(built.multiplications.values()) == pytest.approx(1)
    assert built.attention_kernels == 3


def test_tensorrt_says_what_the_engine_is_for(student_onnx):
    built = tensorrt.build(fp16.lower(student_onnx))
    assert built.gpu_architecture
    assert built.max_users == tensorrt.MAX_USERS
    assert built.precision_checked == "network"


def test_tensorrt_refuses_attention_without_a_fused_kernel(student_onnx, capfd):
    with pytest.raises(BuildError, match="no fused attention kernel"):
        tensorrt.build(student_onnx)
    assert capfd.readouterr().err == ""


def test_openvino_keeps_fp32_weights(student_onnx):
    built = openvino.build(student_onnx)
    assert b'element_type="f32"' in built.files["engine.xml"]
    assert b'element_type="f16"' not in built.files["engine.xml"]


@pytest.mark.parametrize("builder", [ort, openvino, tensorrt])
@pytest.mark.parametrize("graph", [b"", b"not a graph"], ids=["empty", "garbage"])
def test_no_graph_is_one_line(builder, graph):
    with pytest.raises(BuildError) as caught:
        builder.build(graph)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize(
    ("builder", "operator", "attributes"),
    [
        (ort, "NoSuchOperator", {}),
        (openvino, "Pad", {"mode": "wrap"}),
        (tensorrt, "NonZero", {}),
    ],
)
def test_an_operator_that_the_library_lacks_is_named_in_one_line(small_graph, builder, operator, attributes):
    inputs = ["csi_history", "pads"] if operator == "Pad" else ["csi_history"]
    node = helper.make_node(operator, inputs, ["found"], **attributes)
    cast = helper.make_node("Cast", ["found"], ["csi_future"], to=1)
    with pytest.raises(BuildError, match=operator) as caught:
        builder.build(small_graph([node, cast], pads=np.array([0, 1, 0, 1])))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [t.name for t in all_targets() if t.calibrated])
def test_an_int8_target_refuses_a_graph_without_int8(name, student_onnx):
    if reason := get_target(name).why_not_build():
        pytest.skip(reason)
    with pytest.raises(BuildError, match="computes none of the 0 quantized operators in INT8"):
        get_target(name).build(student_onnx)


def test_onnx_runtime_lists_what_it_leaves_in_float():
    torch.manual_seed(0)
    quantized = all_in_int8(export_onnx(Cnn(SMALL).eval(), CSI, SMALL))
    convolutions = [n.name for n in onnx.load_model_from_string(quantized).graph.node if n.op_type == "Conv"]
    built = ort.build(quantized, "int8")
    assert set(built.left_in_float) == set(convolutions)  # INT8 only with a quantized output
    assert built.precision_checked == "engine"


@pytest.mark.parametrize("builder", [ort, openvino])
def test_all_of_the_student_is_computed_in_int8(builder, quantized_onnx):
    built = builder.build(quantized_onnx, "int8")
    assert built.left_in_float == ()
    assert built.precision_checked == "engine"


@pytest.mark.parametrize("target", ["openvino-bf16", "openvino-int8-bf16"])
def test_a_target_that_this_cpu_lacks_says_why(monkeypatch, student_onnx, target):
    monkeypatch.setattr("edgecsi.runtime.engines.openvino._capabilities", lambda: ["FP32", "INT8"])
    reason = get_target(target).why_not_build()
    assert "this CPU computes FP32, INT8 but no BF16, which needs AVX512-BF16 or AMX" in reason
    assert get_target("openvino-fp32").why_not_build() is None
    with pytest.raises(UnavailableError, match=f"{target} can't be built here"):
        get_target(target).build(student_onnx)
