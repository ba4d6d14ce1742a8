"""`edgecsi build`: another engine from a bundle, on a machine without the workstation's libraries."""

import json
import subprocess
import sys

import pytest
import tiny_bundle
from command_line import edgecsi

from edgecsi.bundle import open_bundle

# Importing any of these ends the process.
FORBIDDEN = ("torch", "transformers", "peft", "accelerate", "h5py", "scipy", "sionna", "safetensors")
WITHOUT = """
import sys

forbidden = sys.argv.pop(1).split(",")

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in forbidden:
            sys.exit(f"{name} was imported")

sys.meta_path.insert(0, Forbidden())
from edgecsi.cli import main
main()
"""


def run(*arguments):
    command = [sys.executable, "-c", WITHOUT, ",".join(FORBIDDEN), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def bundle(compressed):
    return compressed / "ort-fp32-csi-alm-light.edgecsi"


@pytest.mark.parametrize("target", ["openvino-fp32", "trt-fp16"])
def test_builds_and_verifies_without_torch(bundle, tmp_path, target):
    built = tmp_path / "built.edgecsi"
    done = run("build", bundle, "--target", target, "-o", built)
    assert (done.returncode, done.stderr) == (0, "")
    manifest, source = open_bundle(built).manifest, open_bundle(bundle)
    assert (manifest.target, manifest.network) == (target, source.manifest.network)
    assert open_bundle(built).read("student.onnx") == source.read("student.onnx")
    assert manifest.proof.test_set.id == f"golden set of {source.digest}"
    assert manifest.proof.relative_error_db < -40
    done = run("verify", built)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bundle_from_another_bundle_carries_on(bundle, tmp_path):
    first, second = tmp_path / "a.edgecsi", tmp_path / "b.edgecsi"
    assert edgecsi("build", bundle, "--target", "openvino-fp32", "-o", first).code == 0
    assert edgecsi("build", first, "--target", "ort-fp32", "-o", second).code == 0
    assert open_bundle(second).read("engine.onnx") == open_bundle(bundle).read("engine.onnx")


def test_the_name_is_the_targets_unless_it_is_given(tmp_path):
    tiny_bundle.write(tmp_path / "a.edgecsi")
    done = edgecsi("build", tmp_path / "a.edgecsi", "--target", "openvino-fp32")
    assert done.code == 0
    assert open_bundle(tmp_path / "openvino-fp32-tiny.edgecsi").manifest.name == "openvino-fp32-tiny"


def test_the_bundle_itself_is_never_overwritten(tmp_path):
    source = tiny_bundle.write(tmp_path / "ort-fp32-tiny.edgecsi")
    done = edgecsi("build", source.path, "--target", "ort-fp32")
    assert done.code == 1
    assert "name another with -o" in done.stderr
    assert open_bundle(source.path).digest == source.digest


def test_another_digest_than_the_pinned_one_is_refused(tmp_path):
    source = tiny_bundle.write(tmp_path / "a.edgecsi")
    new = tmp_path / "new.edgecsi"
    done = edgecsi("build", source.path, "--target", "openvino-fp32", "--digest", "0" * 64, "-o", new)
    assert done.code == 1
    assert not new.exists()
    options = ("--target", "openvino-fp32", "--digest", source.digest, "-o", new)
    assert edgecsi("build", source.path, *options).code == 0


def test_a_missed_goal_exits_3_with_the_bundle_written(tmp_path):
    source = tiny_bundle.write(tmp_path / "a.edgecsi")
    done = edgecsi("build", source.path, "--target", "openvino-fp32", "--max-worst-speed-loss-db", "-1")
    assert done.code == 3
    assert done.stderr.count("\n") == 1
    assert open_bundle(tmp_path / "openvino-fp32-tiny.edgecsi").manifest.proof.goals_met is False


def test_json_is_the_proof(tmp_path):
    source = tiny_bundle.write(tmp_path / "a.edgecsi")
    done = edgecsi("build", source.path, "--target", "openvino-fp32", "--json", "-")
    written = open_bundle(tmp_path / "openvino-fp32-tiny.edgecsi").manifest.proof
    assert json.loads(done.stdout) == written.model_dump(mode="json")
