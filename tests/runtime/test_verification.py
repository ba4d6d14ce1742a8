import json

import numpy as np
import onnx
import pytest
import tiny_bundle
from onnx import numpy_helper

from edgecsi.bundle import write_bundle
from edgecsi.runtime import why_not_run
from edgecsi.runtime.verification import verify


def bundle_of(path, graph):
    """A bundle whose engine is another graph than the one its golden outputs come from."""
    files = {
        "engine.onnx": graph,
        "student.onnx": tiny_bundle.graph(),
        "golden.npz": tiny_bundle.golden().to_bytes(),
    }
    return write_bundle(path, tiny_bundle.manifest(), files).path


def with_constant(name, value):
    """The tiny graph with one constant changed."""
    model = onnx.load_from_string(tiny_bundle.graph())
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(value, name))
    return model.SerializeToString()


def normalising_over(axes):
    """The tiny graph that takes its peak over other axes."""
    return with_constant("axes", np.array(axes))


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_honest_bundle_passes_every_check(tmp_path, engine):
    written = tiny_bundle.write(tmp_path / "a.edgecsi", engine)
    result = verify(written.path, threads=1, digest=written.digest)

    assert result.engine_executed
    assert result.digest == written.digest
    assert [check.name for check in result.checks] == [
        "agreement with the student",
        "scale equivariance",
        "batch invariance",
    ]
    assert result.failures == []
    assert result.engine_nmse.nmse_mean_db == pytest.approx(result.student.nmse_mean_db, abs=1e-3)


def test_an_engine_of_other_weights_disagrees_with_the_student(tmp_path):
    path = bundle_of(tmp_path / "a.edgecsi", with_constant("weight", tiny_bundle.WEIGHT * np.float32(1.01)))
    result = verify(path, threads=1)

    assert [check.name for check in result.failures] == ["agreement with the student"]
    assert -50 < result.failures[0].error_db < -30
    assert "the limit is -60 dB" in result.failures[0].line


def test_an_engine_that_normalises_over_the_batch_is_found(tmp_path):
    """The papers' own normalisation: a user's prediction depends on who shares the batch."""
    result = verify(bundle_of(tmp_path / "a.edgecsi", normalising_over([0, 1, 2, 3])), threads=1)

    assert "batch invariance" in [check.name for check in result.failures]


def test_an_engine_that_depends_on_the_scale_is_found(tmp_path):
    model = onnx.load_from_string(tiny_bundle.graph())
    next(node for node in model.graph.node if node.op_type == "Div").input[1] = "one"
    result = verify(bundle_of(tmp_path / "a.edgecsi", model.SerializeToString()), threads=1)

    assert "scale equivariance" in [check.name for check in result.failures]


def test_an_engine_that_can_not_run_here_is_checked_for_integrity(tmp_path):
    reason = why_not_run("tensorrt")
    if not reason:
        pytest.skip("this machine runs TensorRT")
    tiny_bundle.write(tmp_path / "t.edgecsi", "tensorrt", precision="fp16")
    result = verify(tmp_path / "t.edgecsi")

    assert (result.engine_executed, result.reason, result.checks) == (False, reason, [])
    assert result.engine_nmse is None


def test_writes_nothing_into_the_bundle(tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi").path
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    verify(path, threads=1)

    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_is_json(tmp_path):
    result = verify(tiny_bundle.write(tmp_path / "a.edgecsi").path, threads=1)

    assert json.loads(result.model_dump_json())["checks"][0]["passed"] is True
