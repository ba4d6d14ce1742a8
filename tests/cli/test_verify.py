import json
from dataclasses import replace

import pytest
import tiny_bundle

from edgecsi.bundle import golden_to_bytes, write_bundle
from edgecsi.runtime import why_not_run


@pytest.fixture
def bundle(tmp_path):
    return tiny_bundle.write(tmp_path / "tiny.edgecsi")


@pytest.fixture
def gpu_bundle(tmp_path):
    if not why_not_run("tensorrt", "fp16"):
        pytest.skip("this machine runs TensorRT")
    return tiny_bundle.write(tmp_path / "gpu.edgecsi", "tensorrt")


def test_passes_an_honest_bundle(edgecsi, bundle):
    code, out, err = edgecsi("verify", bundle.path, "--digest", bundle.digest, "--require-run")

    assert (code, err) == (0, "")
    assert out.partition("3 golden users")[2].count("pass") == 7


def test_writes_its_result_beside_the_bundle(edgecsi, bundle, tmp_path):
    code, _, _ = edgecsi("verify", bundle.path, "--threads", "1", "--json", tmp_path / "result.json")
    result = json.loads((tmp_path / "result.json").read_text())

    assert code == 0
    assert (result["digest"], result["engine_executed"], result["threads"]) == (bundle.digest, True, 1)


def test_prints_nothing_but_json_when_asked(edgecsi, bundle):
    code, out, _ = edgecsi("verify", bundle.path, "--json", "-")

    assert code == 0
    assert json.loads(out)["bundle"] == str(bundle.path)


@pytest.mark.parametrize("name", ["result.json", "manifest.json"])
def test_writes_nothing_into_the_bundle(edgecsi, bundle, name):
    code, _, err = edgecsi("verify", bundle.path, "--json", bundle.path / name)

    assert code == 2
    assert "a bundle never changes" in err
    assert edgecsi("verify", bundle.path)[0] == 0


def test_fails_an_engine_that_left_its_student(edgecsi, bundle):
    golden = tiny_bundle.golden()
    files = {name: bundle.read(name) for name in bundle.manifest.files}
    other = replace(golden, student=golden.targets)
    write_bundle(bundle.path, bundle.manifest, {**files, "golden.npz": golden_to_bytes(other)})
    code, out, err = edgecsi("verify", bundle.path)

    assert code == 1
    assert "fail" in out
    assert err.count("\n") == 1
    assert "agreement with the student: -" in err


def test_says_what_the_manifest_warns_of(edgecsi, tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi", warnings=("2 users are too fast",)).path

    assert "warning: 2 users are too fast" in edgecsi("verify", path)[1]
    result = json.loads(edgecsi("verify", path, "--json", "-")[1])
    assert (result["schema_version"], result["warnings"]) == (2, ["2 users are too fast"])


def test_a_damaged_bundle_is_one_line(edgecsi, bundle):
    (bundle.path / "engine.onnx").write_bytes(b"other bytes")
    code, out, err = edgecsi("verify", bundle.path)

    assert (code, out) == (1, "")
    assert err == (
        f"edgecsi: error: {bundle.path}: engine.onnx is damaged: "
        "its SHA-256 is not the manifest's; get it again\n"
    )


def test_says_that_the_engine_did_not_run(edgecsi, gpu_bundle):
    code, out, _ = edgecsi("verify", gpu_bundle.path)

    assert code == 0
    assert "every byte is what its manifest lists" in out
    assert f"engine not executed: {why_not_run('tensorrt', 'fp16')}" in out


def test_require_run_fails_where_the_engine_did_not_run(edgecsi, gpu_bundle):
    code, out, err = edgecsi("verify", gpu_bundle.path, "--require-run", "--json", "-")

    assert code == 1
    assert json.loads(out)["engine_executed"] is False
    assert why_not_run("tensorrt", "fp16") in err


def test_a_missing_bundle_is_one_line(edgecsi, tmp_path):
    code, _, err = edgecsi("verify", tmp_path / "nothing")

    assert code == 1
    assert err.count("\n") == 1
