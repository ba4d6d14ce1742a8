import json
import re

import numpy as np
import onnx
import pytest
import tiny_bundle
from level_task import LEVELS
from onnx import numpy_helper

from edgecsi.bundle import golden_to_bytes, write_bundle
from edgecsi.runtime import why_not_run
from edgecsi.runtime.verification import verify
from edgecsi.users import Users


def bundle_of(path, graph, **changes):
    """A bundle whose engine is another graph than the one its golden outputs come from."""
    files = {
        "engine.onnx": graph,
        "student.onnx": tiny_bundle.graph(),
        "golden.npz": golden_to_bytes(tiny_bundle.golden()),
    }
    return write_bundle(path, tiny_bundle.manifest(**changes), files).path


def with_constant(name, value):
    """The tiny graph with one constant changed."""
    model = onnx.load_from_string(tiny_bundle.graph())
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(value, name))
    return model.SerializeToString()


def normalising_over(axes):
    """The tiny graph that takes its peak over other axes."""
    return with_constant("axes", np.array(axes))


@pytest.mark.parametrize("task", [tiny_bundle.CSI, LEVELS], ids=lambda task: task.name)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_honest_bundle_passes_every_check(tmp_path, engine, task):
    written = tiny_bundle.write(tmp_path / "a.edgecsi", engine, task)
    result = verify(written.path, threads=1, digest=written.digest)

    assert result.engine_executed
    assert (result.digest, result.network, result.task) == (written.digest, "tiny", task.name)
    assert [check.name for check in result.checks] == [
        "agreement with the student",
        *(["scale equivariance"] if task.scales else []),
        "batch invariance",
        *["NMSE loss", "worst NMSE loss"] * 2,
    ]
    assert result.failures == []
    for reports in result.metrics.values():
        assert reports["engine"].mean_db == pytest.approx(reports["student"].mean_db, abs=1e-3)
    assert {name: reports["engine"].users for name, reports in result.metrics.items()} == {
        "clean": 2,
        "noisy": 1,
    }


def test_an_engine_of_other_weights_disagrees_with_the_student(tmp_path):
    path = bundle_of(tmp_path / "a.edgecsi", with_constant("weight", tiny_bundle.WEIGHT * np.float32(1.01)))
    (agreement,) = (c for c in verify(path, threads=1).failures if c.name == "agreement with the student")

    assert -50 < agreement.value_db < -30
    assert re.search(r"for user \d \(\d0 km/h, (clean|20 dB SNR)\), the limit is -110", agreement.line)


def test_an_engine_is_held_to_what_was_proven_of_it(tmp_path):
    """Off by -80 dB passes where an engine was so in its proof, and not where it was better."""
    graph = with_constant("weight", tiny_bundle.WEIGHT * np.float32(1 + 1e-4))
    for proven, passes in ((-85.0, True), (-120.0, False)):
        proof = tiny_bundle.proof(golden_engine_db=(proven,) * 3)
        result = verify(bundle_of(tmp_path / "a.edgecsi", graph, proof=proof), threads=1)
        assert result.checks[0].value_db == pytest.approx(-80, abs=2)
        assert result.checks[0].passed is passes


def test_an_engine_need_not_be_nearer_than_the_student_is_to_itself(tmp_path):
    graph = with_constant("weight", tiny_bundle.WEIGHT * np.float32(1 + 1e-3))
    proof = tiny_bundle.proof(golden_student_db=(-55.0,) * 3, golden_engine_db=(-100.0,) * 3)

    assert verify(bundle_of(tmp_path / "a.edgecsi", graph, proof=proof), threads=1).failures == []


def test_a_weak_user_with_the_sign_flipped_is_found(tmp_path):
    """Users of very different power: in a sum over them the weak one would vanish."""
    golden = tiny_bundle.golden()
    power = np.array([1, 1, 1e-5], np.float32)[:, None, None, None]
    flip = np.array([1, 1, -1], np.float32)[:, None, None, None]
    users = Users(
        golden.inputs * power, golden.targets * power, golden.columns, golden.student * power * flip
    )
    files = {name: tiny_bundle.graph() for name in ("engine.onnx", "student.onnx")}
    path = write_bundle(
        tmp_path / "a.edgecsi", tiny_bundle.manifest(), {**files, "golden.npz": golden_to_bytes(users)}
    ).path
    failures = {check.name: check for check in verify(path, threads=1).failures}

    assert failures["agreement with the student"].value_db == pytest.approx(6.02, abs=0.01)
    assert failures["agreement with the student"].where == "user 2 (30 km/h, 20 dB SNR)"


def test_the_goals_are_judged_again_on_clean_and_noisy_users(tmp_path):
    """An engine that is off for the noisy user only, by an error that its proof allows."""
    golden = tiny_bundle.golden()
    off = np.array([0, 0, 0.5], np.float32)[:, None, None, None]
    users = Users(golden.inputs, golden.student * (1 + off), golden.columns, golden.student * (1 + 1.1 * off))
    proof = tiny_bundle.proof(golden_engine_db=(0.0,) * 3)
    files = {name: tiny_bundle.graph() for name in ("engine.onnx", "student.onnx")}
    manifest = tiny_bundle.manifest(proof=proof)
    path = write_bundle(
        tmp_path / "a.edgecsi", manifest, {**files, "golden.npz": golden_to_bytes(users)}
    ).path
    failed = [(check.name, check.where, check.limit_db) for check in verify(path, threads=1).failures]

    assert failed == [
        ("NMSE loss", "every noisy user", 0.1),
        ("worst NMSE loss", "the noisy users of 30 km/h", 0.2),
    ]


def test_a_goal_that_nobody_asked_for_is_not_judged(tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi", proof=tiny_bundle.proof(goals=())).path

    assert len(verify(path, threads=1).checks) == 3


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
    reason = why_not_run("tensorrt", "fp16")
    if not reason:
        pytest.skip("this machine runs TensorRT")
    tiny_bundle.write(tmp_path / "t.edgecsi", "tensorrt")
    result = verify(tmp_path / "t.edgecsi")

    assert (result.engine_executed, result.reason, result.checks) == (False, reason, [])
    assert {name for reports in result.metrics.values() for name in reports} == {"student"}


def test_writes_nothing_into_the_bundle(tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi").path
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    verify(path, threads=1)

    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_is_json(tmp_path):
    result = verify(tiny_bundle.write(tmp_path / "a.edgecsi").path, threads=1)

    found = json.loads(result.model_dump_json())
    assert (found["schema_version"], found["checks"][0]["passed"]) == (2, True)
