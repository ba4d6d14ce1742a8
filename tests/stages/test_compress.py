"""The main job run for real, again and again over what it left."""

import json
import subprocess
import sys

import pytest
import tiny_compress
from command_line import edgecsi

from edgecsi.bundle import open_bundle
from edgecsi.export.targets import Target

FP32 = ("ort-fp32", "openvino-fp32")


def report(build):
    return json.loads((build / "compress.json").read_text())


def inodes(build):
    """Which files there are, by content holder: a file that is written anew has another inode."""
    return {
        path.relative_to(build): path.stat().st_ino
        for path in build.rglob("*")
        if path.is_file() and path.name not in ("compress.json", "recipe.yaml")
    }


def entry(build, name):
    """The cache entry of a stage."""
    (folder,) = (build / ".cache").glob(f"{name}-*")
    return folder


def test_one_run_makes_every_bundle_and_network(compressed):
    found = report(compressed)
    assert found["kept"] == []
    assert [target["error"] for target in found["targets"]] == [None] * 3
    assert set(found["metrics"]["as given"]) >= {"hold_last", "phase_rotation", "teacher", "student"}
    for target in found["targets"]:
        bundle = open_bundle(target["bundle"])
        assert (bundle.digest, bundle.manifest.target) == (target["digest"], target["target"])
        assert bundle.manifest.network.name == found["network"]["name"] == "csi-alm-light"
        assert bundle.manifest.proof.metrics["as given"]["teacher"].users == found["test_set"]["users"] == 3
    for network in ("teacher", "student"):
        assert sorted(path.name for path in (compressed / network).iterdir()) == [
            "config.json", "log.json", "model.safetensors",
        ]  # fmt: skip


def test_predictors_are_compared_on_noisy_histories_too(compressed):
    given, noisy = report(compressed)["metrics"].values()
    assert list(report(compressed)["metrics"]) == ["as given", "20 dB SNR"]
    assert set(noisy) == set(given)
    for name in ("hold_last", "phase_rotation", "ridge_ar"):
        assert noisy[name]["mean_db"] > given[name]["mean_db"]
    for target in report(compressed)["targets"]:
        engine = target["proof"]["metrics"]["20 dB SNR"]["engine"]
        assert engine["mean_db"] == pytest.approx(noisy["student"]["mean_db"], abs=0.01)


def test_every_step_ahead_is_told(compressed):
    for reports in report(compressed)["metrics"].values():
        assert all(len(found["steps_db"]) == 4 for found in reports.values())
        steps = reports["hold_last"]["steps_db"]
        assert steps == sorted(steps)


def test_a_baseline_that_does_not_apply_says_why(compressed):
    reasons = report(compressed)["not_applicable"]
    assert set(reasons) == {"band_ar"}
    assert "TDD has one band" in reasons["band_ar"]


def test_the_recipe_that_was_followed_repeats_the_run(build):
    done = edgecsi("compress", "--config", build / "recipe.yaml", "-o", build)
    assert done.code == 0, done.stderr
    assert report(build)["ran"] == []
    assert all(not target["written"] for target in report(build)["targets"])


def test_a_second_run_does_nothing_and_says_so(build):
    before = inodes(build)
    done = tiny_compress.run(build)
    assert done.code == 0
    assert "as given: ridge ar wins" in done.stdout
    assert "20 dB SNR: ridge ar wins" in done.stdout
    assert "nothing to do: every stage is kept" in done.stdout
    assert "running" not in done.stderr
    assert inodes(build) == before
    assert report(build)["ran"] == []


def test_a_changed_option_redoes_only_what_depends_on_it(build):
    before = inodes(build)
    done = tiny_compress.run(build, targets=FP32[:1], student__epochs=1)
    assert done.code == 0
    assert report(build)["ran"] == ["student", "scores", "graph", "engine-ort-fp32", "proof-ort-fp32"]
    assert report(build)["kept"] == ["data", "teacher", "relation-targets"]
    after = inodes(build)
    replaced = {path.parts[0] for path in before if after[path] != before[path]}
    assert replaced == {"student", "ort-fp32-csi-alm-light.edgecsi"}


def test_going_back_to_an_earlier_option_costs_nothing(build):
    digest = open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest
    assert tiny_compress.run(build, "--max-nmse-loss-db", "0.7", targets=FP32[:1]).code == 0
    assert open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest != digest
    tiny_compress.run(build, targets=FP32[:1])
    assert report(build)["ran"] == []
    assert open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest == digest


@pytest.mark.parametrize(
    ("stage", "file"),
    [("data", "channels.h5"), ("engine-ort-fp32", "engine.onnx"), ("proof-ort-fp32", "proof.json")],
)
@pytest.mark.parametrize("damage", ["flipped", "removed"])
def test_a_damaged_cache_entry_is_redone_to_the_same_bundle(build, stage, file, damage):
    digest = open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest
    path = entry(build, stage) / file
    if damage == "removed":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert tiny_compress.run(build).code == 0
    assert report(build)["ran"] == [stage]
    assert open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest == digest


@pytest.mark.parametrize("damage", ["flipped", "removed"])
def test_a_damaged_bundle_is_written_again_from_the_cache(build, damage):
    path = build / "ort-fp32-csi-alm-light.edgecsi"
    digest = open_bundle(path).digest
    if damage == "flipped":
        (path / "student.onnx").write_bytes(b"other")
    else:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    done = tiny_compress.run(build)
    assert done.code == 0
    assert "nothing to do" not in done.stdout
    assert report(build)["ran"] == []
    assert [target["written"] for target in report(build)["targets"]] == [False, True, False]
    assert open_bundle(path).digest == digest


def test_a_damaged_network_is_copied_again_from_the_cache(build):
    weights = build / "student" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(b"other")
    tiny_compress.run(build)
    assert weights.read_bytes() == whole


def test_a_missed_goal_exits_3_and_keeps_the_bundle(build):
    done = tiny_compress.run(build, "--max-nmse-loss-db", "-1", targets=FP32)
    assert done.code == 3
    assert len(done.stderr.splitlines()) == 3  # a line per bundle, and the verdict
    assert "ort-fp32: MISSED: nmse_loss_db of the engine against the student, overall" in done.stderr
    assert "bound -1 dB" in done.stderr
    manifest = open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").manifest
    assert manifest.proof.goals_met is False
    assert "MISSED" in done.stdout


def test_a_target_that_fails_leaves_the_others(build):
    path = build / "openvino-fp32-csi-alm-light.edgecsi"
    for file in path.iterdir():
        file.unlink()
    (path / "notes.txt").write_text("the user's own")
    digest = open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest
    done = tiny_compress.run(build, targets=FP32)
    assert done.code == 1
    assert "1 of 2 targets failed: openvino-fp32:" in done.stderr.splitlines()[-1]
    assert (path / "notes.txt").read_text() == "the user's own"
    assert open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest == digest
    assert [bool(target["error"]) for target in report(build)["targets"]] == [False, True]


def hide_openvino(monkeypatch):
    """As on a machine without OpenVINO."""
    reason = "openvino is not installed (pip install 'edgecsi[openvino]')"
    monkeypatch.setattr(Target, "why_not_build", lambda self: reason if self.engine == "openvino" else None)


def test_a_target_that_can_not_be_built_here_is_told_first(build, monkeypatch):
    hide_openvino(monkeypatch)
    (build / ".cache" / entry(build, "engine-openvino-fp32").name / "stage.json").unlink()
    done = tiny_compress.run(build, targets=FP32)
    assert done.code == 1
    assert done.stderr.startswith("openvino-fp32 can't be built here: openvino is not installed")
    assert done.stderr.splitlines()[-1].startswith("edgecsi: error: 1 of 2 targets failed")


def test_nothing_runs_where_no_target_can_be_built(tmp_path, monkeypatch):
    hide_openvino(monkeypatch)
    done = tiny_compress.run(tmp_path / "build", targets=("openvino-fp32",))
    assert done.code == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'edgecsi[openvino]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path):
    done = tiny_compress.run(tmp_path / "build", "--dry-run")
    assert (done.code, done.stderr) == (0, "")
    for name in ("data", "teacher", "relation-targets", "student", "scores", "graph", "engine-trt-fp16"):
        assert name in done.stdout
    assert "kept" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_what_would_be_kept(build):
    before = inodes(build)
    done = tiny_compress.run(build, "--dry-run", "--json", "-", targets=FP32, student__epochs=1)
    assert {row["stage"]: row["cached"] for row in json.loads(done.stdout)} == {
        **dict.fromkeys(["data", "teacher", "relation-targets"], True),
        **dict.fromkeys(["student", "scores", "graph"], False),
        **{f"{kind}-{target}": False for kind in ("engine", "proof") for target in FP32},
    }
    assert inodes(build) == before


def test_json_is_what_compress_json_holds(build):
    done = tiny_compress.run(build, "--json", "-")
    assert json.loads(done.stdout) == report(build)


def test_given_networks_and_data_leave_only_the_building(compressed, tiny_dataset, tmp_path):
    student, teacher = compressed / "student", compressed / "teacher"
    done = edgecsi(
        "compress", "--target", "ort-fp32", "--data", tiny_dataset, "--teacher", teacher,
        "--student", student, "--max-baseline-loss-db", "null", "--max-teacher-loss-db", "null",
        "-o", tmp_path / "site",
    )  # fmt: skip
    assert done.code == 0
    found = report(tmp_path / "site")
    assert found["ran"] == ["scores", "graph", "engine-ort-fp32", "proof-ort-fp32"]
    assert "teacher" in found["metrics"]["as given"]
    assert not (tmp_path / "site" / "student").exists()


WITHOUT = """
import sys

library = sys.argv.pop(1)

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from edgecsi.cli import main
main()
"""


@pytest.mark.parametrize(("library", "extra"), [("torch", "train"), ("h5py", "train"), ("sionna", "train")])
def test_a_missing_library_is_one_line_that_names_the_extra(tmp_path, library, extra):
    command = [sys.executable, "-c", WITHOUT, library, *tiny_compress.arguments(tmp_path, targets=FP32[:1])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line != "data: running"]
    assert said == [f"edgecsi: error: {library} is not installed; pip install 'edgecsi[{extra}]'"]
