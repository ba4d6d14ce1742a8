"""INT8 targets in the main job and from a bundle, run for real."""

import json
import shutil

import numpy as np
import pytest
import tiny_compress
from command_line import edgecsi

from edgecsi.bundle import open_bundle
from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.sampling import sample
from edgecsi.channel import Dataset, write_dataset
from edgecsi.export.targets import get_target

GOALS = ("--max-nmse-loss-db", "0.5", "--max-worst-speed-loss-db", "0.5")


@pytest.fixture(scope="module")
def data(compressed):
    """The dataset that the shared run generated."""
    (folder,) = (compressed / ".cache").glob("data-*")
    return folder / "channels.h5"


@pytest.fixture(scope="module")
def calibration(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "cal.h5"
    sample(data, path, CalibrationOptions(users=6, held_out=3))
    return path


@pytest.fixture(scope="module")
def int8_build(compressed, tmp_path_factory):
    """The shared output folder after a run for INT8, and what that run printed."""
    build = shutil.copytree(compressed, tmp_path_factory.mktemp("int8_build") / "build")
    done = tiny_compress.run(build, *GOALS, targets=("ort-fp32", "ort-int8", "trt-int8"))
    assert done.code == 0, done.stderr
    return build, done


@pytest.fixture
def report(int8_build):
    return json.loads((int8_build[0] / "compress.json").read_text())


def rebuild(bundle, target, out, *more):
    return edgecsi("build", bundle, "--target", target, "-o", out, *GOALS, *more)


def test_int8_bundles_name_their_calibration_set(int8_build):
    build, _ = int8_build
    (calibration,) = (build / ".cache").glob("calibration-*/calibration.h5")
    with CalibrationSet.open(calibration) as opened:
        for name in ("ort-int8", "trt-int8"):
            manifest = open_bundle(build / f"{name}-csi-alm-light.edgecsi").manifest
            assert (manifest.engine.precision, manifest.calibration_set) == ("int8", opened.id)
    assert open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").manifest.calibration_set is None


def test_the_proof_is_of_the_engine_itself_where_it_runs(int8_build):
    manifest = open_bundle(int8_build[0] / "ort-int8-csi-alm-light.edgecsi").manifest
    assert manifest.engine.executed
    assert manifest.engine.precision_checked == "engine"
    assert -80 < manifest.proof.relative_error_db < -30


def test_the_manifest_tells_the_share_of_int8(int8_build):
    shares = open_bundle(int8_build[0] / "ort-int8-csi-alm-light.edgecsi").manifest.engine.multiplications
    assert 0 < shares["int8"] < 1
    assert sum(shares.values()) == pytest.approx(1)


def test_the_report_says_what_stayed_in_float_and_why(report, int8_build):
    found = report["quantization"]
    assert 0 < found["int8_share"] < 1
    floats = [operator for operator in found["operators"] if operator["precision"] == "float"]
    assert floats
    for operator in floats:
        assert f"{operator['layer']} stays in float: {operator['reason']}" in int8_build[1].stdout


def test_int8_is_timed_beside_fp32_and_the_fastest_is_recommended(report, int8_build):
    timings = {timing["target"]: timing["p50_ms"] for timing in report["timings"]}
    assert set(timings) == {"ort-fp32", "ort-int8"}
    assert report["recommended"] == min(timings, key=timings.get)
    assert f"recommended: {report['recommended']}" in int8_build[1].stdout


def test_a_second_run_redoes_nothing(int8_build):
    build, _ = int8_build
    done = tiny_compress.run(build, *GOALS, targets=("ort-fp32", "ort-int8", "trt-int8"))
    assert "nothing to do" in done.stdout


def test_other_goals_quantize_anew_and_goals_that_int8_can_not_hold_fail_only_int8(int8_build):
    build, _ = int8_build
    done = tiny_compress.run(build, "--max-nmse-loss-db", "-1", targets=("ort-fp32", "ort-int8"))
    assert done.code == 1
    assert "ort-int8: INT8 can't hold the goals: even" in done.stderr
    found = json.loads((build / "compress.json").read_text())
    assert [bool(target["error"]) for target in found["targets"]] == [False, True]
    assert found["timings"] == []


def test_a_given_calibration_set_replaces_the_stage(compressed, data, calibration, tmp_path):
    out = tmp_path / "build"
    done = edgecsi(
        *("compress", "--target", "ort-int8", "--data", data, "--student", compressed / "student"),
        *("--calibration", calibration, "-o", out, "--dry-run", "--json", "-"),
    )
    assert done.code == 0, done.stderr
    stages = [row["stage"] for row in json.loads(done.stdout)]
    assert stages == [
        *("scores", "graph", "quantized", "engine-ort-int8", "proof-ort-int8", "engine-ort-fp32", "timing")
    ]


@pytest.mark.parametrize("target", ["ort-int8", "openvino-int8", "openvino-int8-bf16"])
def test_an_int8_engine_from_a_bundle_and_a_calibration_set(compressed, calibration, tmp_path, target):
    if reason := get_target(target).why_not_build():
        pytest.skip(reason)
    done = rebuild(
        compressed / "ort-fp32-csi-alm-light.edgecsi",
        target,
        tmp_path / "b.edgecsi",
        "--calibration",
        calibration,
    )
    assert done.code == 0, done.stderr
    manifest = open_bundle(tmp_path / "b.edgecsi").manifest
    with CalibrationSet.open(calibration) as opened:
        assert manifest.calibration_set == opened.id
    assert edgecsi("verify", tmp_path / "b.edgecsi", "--require-run").code == 0


def test_without_a_calibration_set_a_line_says_how_to_make_one(compressed, tmp_path):
    done = rebuild(compressed / "ort-fp32-csi-alm-light.edgecsi", "ort-int8", tmp_path / "b.edgecsi")
    assert done.code == 1
    assert done.stderr.count("\n") == 1
    assert "ort-int8 needs a calibration set: --calibration FILE" in done.stderr
    assert list(tmp_path.iterdir()) == []


def other_dataset(data, path, columns=4, speed_kmh=None):
    """The same users with the first columns of the array, or at another speed."""
    with Dataset.open(data) as source:
        array = source.radio.array.model_copy(update={"columns": columns})
        radio = source.radio.model_copy(update={"array": array})
        history, future = (part(slice(None))[:, : array.antennas] for part in (source.history, source.future))
        speeds = source.speed_kmh if speed_kmh is None else np.full(len(source), speed_kmh, np.float32)
        with write_dataset(path, radio, source.origin, len(source)) as writer:
            writer.write(0, history, future, speeds, source.drop)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": 1}, "array.columns is 1 for"),
        ({"speed_kmh": 400}, "covers 400 km/h, but none of the tested"),
    ],
)
def test_a_set_that_does_not_fit_is_one_line_and_leaves_nothing(compressed, data, tmp_path, changes, message):
    wrong = tmp_path / "wrong.h5"
    sample(
        other_dataset(data, tmp_path / "other.h5", **changes), wrong, CalibrationOptions(users=6, held_out=3)
    )
    out = tmp_path / "out"
    out.mkdir()
    done = rebuild(
        compressed / "ort-fp32-csi-alm-light.edgecsi", "ort-int8", out / "b.edgecsi", "--calibration", wrong
    )
    assert done.code == 1
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        ("calibration.users=9", ["calibration", "quantized", "engine-ort-int8", "proof-ort-int8", "timing"]),
        (
            "calibration.snr_db=10",
            ["calibration", "quantized", "engine-ort-int8", "proof-ort-int8", "timing"],
        ),
        ("quantization.range_method=entropy", ["quantized", "engine-ort-int8", "proof-ort-int8", "timing"]),
    ],
)
def test_a_changed_setting_of_calibration_redoes_only_int8(tmp_path, change, redone):
    def stages(*more):
        plan = tiny_compress.run(
            tmp_path, "--dry-run", "--json", "-", *more, targets=("ort-fp32", "ort-int8")
        )
        return {row["stage"]: row["key"] for row in json.loads(plan.stdout)}

    before, after = stages(), stages("--set", change)
    assert [name for name, key in after.items() if before[name] != key] == redone


def test_an_unknown_range_method_is_one_line(tmp_path):
    done = tiny_compress.run(tmp_path, "--set", "quantization.range_method=max", targets=("ort-int8",))
    assert done.code == 1
    assert "--set quantization.range_method: Input should be 'min-max', 'percentile'" in done.stderr
