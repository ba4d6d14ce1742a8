"""Engine files that would compute for ever: refused before anything of them runs."""

import numpy as np
import onnx
import openvino
import pytest
import tiny_bundle
from onnx import TensorProto, helper, numpy_helper

from edgecsi.bundle import golden_to_bytes, write_bundle
from edgecsi.errors import BundleError
from edgecsi.runtime import load


def endless():
    """An ONNX graph that adds one to its input 2^60 times."""
    info = helper.make_tensor_value_info
    constants = {"rounds": np.int64(1 << 60), "yes": np.bool_(True), "one": np.float32(1)}
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    dims = ["user", 4, 6, 8, 2]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["again"]), helper.make_node("Add", ["x", "one"], ["y"])],
        "body",
        [
            info("i", TensorProto.INT64, []),
            info("go", TensorProto.BOOL, []),
            info("x", TensorProto.FLOAT, dims),
        ],
        [info("again", TensorProto.BOOL, []), info("y", TensorProto.FLOAT, dims)],
    )
    node = helper.make_node("Loop", ["rounds", "yes", "csi_history"], ["csi_future"], body=body)
    ends = [info(name, TensorProto.FLOAT, dims) for name in ("csi_history", "csi_future")]
    graph = helper.make_graph([node], "endless", ends[:1], ends[1:], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_onnx(tmp_path):
    onnx.checker.check_model(endless())
    files = {
        "engine.onnx": endless().SerializeToString(),
        "student.onnx": tiny_bundle.graph(),
        "golden.npz": golden_to_bytes(tiny_bundle.golden()),
    }
    with pytest.raises(BundleError, match=r"engine\.onnx holds control flow \(Loop\)"):
        write_bundle(tmp_path / "a.edgecsi", tiny_bundle.manifest(), files)


def test_openvino(tmp_path):
    model = openvino.Core().read_model(endless().SerializeToString(), b"")
    openvino.save_model(model, tmp_path / "engine.xml", compress_to_fp16=False)
    files = {
        "engine.xml": (tmp_path / "engine.xml").read_bytes(),
        "engine.bin": (tmp_path / "engine.bin").read_bytes(),
        "student.onnx": tiny_bundle.graph(),
        "golden.npz": golden_to_bytes(tiny_bundle.golden()),
    }
    path = write_bundle(tmp_path / "a.edgecsi", tiny_bundle.manifest("openvino"), files).path
    with pytest.raises(BundleError, match=r"engine\.xml holds control flow \((Loop|TensorIterator)\)"):
        load(path, threads=1)
