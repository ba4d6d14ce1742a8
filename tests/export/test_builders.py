import numpy as np
import pytest
from onnx import helper

from edgecsi.bundle.manifest import ENGINE_FILES
from edgecsi.errors import BuildError
from edgecsi.export.builders import openvino, ort, tensorrt
from edgecsi.export.lowering import fp16
from edgecsi.export.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_target_builds_the_files_of_its_engine(target, student_onnx):
    built = target.build(target.lower(student_onnx))
    assert built.engine == target.engine
    assert tuple(built.files) == ENGINE_FILES[built.engine]
    assert all(built.files.values())
    assert built.engine in built.libraries


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
