"""The way of a user with recordings of their own: import, distil, compress."""

import numpy as np
import pytest
from command_line import edgecsi

import edgecsi as edgecsi_package
from edgecsi.bundle import open_bundle
from edgecsi.models import load_config

TINY = ("--epochs", "1", "--max-users", "4", "--batch-users", "8")
NOT_HELD_TO = ("--max-teacher-loss-db", "null", "--max-baseline-loss-db", "null")  # it is hardly trained
TINY_COMPRESS = (
    "--profile", "quick", "--backbone", "random", "--set", "teacher.max_users=4", "--set", "teacher.epochs=1",
    "--set", "student.max_users=4", "--set", "student.epochs=1",
)  # fmt: skip


def succeed(*arguments):
    done = edgecsi(*arguments)
    assert done.code == 0, done.stderr


def go_the_way(history, future, folder):
    """Every step from two .mat files to a bundle, with a teacher and student of the data's own."""
    site, teacher, student = folder / "site.h5", folder / "teacher", folder / "student"
    succeed("data", "import", "--history", history, "--future", future, "-o", site)
    succeed("train", "csi-alm", "--data", site, "--backbone", "random", *TINY, "-o", teacher)
    succeed("distill", "--teacher", teacher, "--data", site, *TINY, "-o", student)
    given = ("--data", site, "--teacher", teacher, "--student", student, *NOT_HELD_TO)
    succeed("compress", *given, "--target", "ort-fp32", "-o", folder / "build")
    return open_bundle(folder / "build" / "ort-fp32-csi-alm-light.edgecsi").manifest


def test_llm4cps_format(mat_files, tmp_path):
    manifest = go_the_way(*mat_files, tmp_path)
    assert (manifest.radio.duplex, manifest.proof.test_set.users) == ("tdd", 2)
    assert "teacher" in manifest.proof.metrics["as given"]
    assert load_config(tmp_path / "student").name == "csi-alm-light"


def test_what_compress_trains_is_what_the_data_are(mat_files, tmp_path):
    succeed("data", "import", "--history", mat_files[0], "--future", mat_files[1], "-o", tmp_path / "a.h5")
    succeed("compress", "--data", tmp_path / "a.h5", *TINY_COMPRESS, "--target", "ort-fp32", "-o", tmp_path)
    assert load_config(tmp_path / "teacher").radio.duplex == "tdd"
    assert open_bundle(tmp_path / "ort-fp32-csi-alm-light.edgecsi").manifest.radio.step_ms == pytest.approx(
        0.5
    )


@pytest.mark.parametrize(("future", "duplex"), [("H_U_pre_train.mat", "tdd"), ("H_D_pre_train.mat", "fdd")])
def test_llm4cps_own_files(quadriga, tmp_path, future, duplex):
    manifest = go_the_way(quadriga / "H_U_his_train.mat", quadriga / future, tmp_path)
    assert (manifest.radio.duplex, manifest.proof.test_set.users) == (duplex, 3)
    assert all(abs(goal.value) < 0.01 for goal in manifest.proof.find("nmse_loss_db", "student"))


def test_the_bundle_of_another_student_says_which(mat_files, tmp_path):
    succeed("data", "import", "--history", mat_files[0], "--future", mat_files[1], "-o", tmp_path / "a.h5")
    for student in ((), ("--student", "csi-alm-light")):
        given = ("--data", tmp_path / "a.h5", *student, *NOT_HELD_TO)
        succeed("compress", *given, "--target", "ort-fp32", "-o", tmp_path / "build")
    for name in ("csi-alm-light-ad", "csi-alm-light"):
        found = open_bundle(tmp_path / "build" / f"ort-fp32-{name}.edgecsi")
        assert found.manifest.network.name == name


WIDE = ("--columns", "8", "--rows", "4", "--history", "20", "--future", "6", "--subcarriers", "52")


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """12 users at an array of 64 antennas."""
    path = tmp_path_factory.mktemp("wide") / "wide.h5"
    succeed("data", "generate", *WIDE, "--users", "12", "--users-per-drop", "1", "-o", path)
    return path


def test_the_shipped_student_says_what_to_do_about_another_array(wide, tmp_path):
    done = edgecsi("compress", "--data", wide, "--target", "ort-fp32", "-o", tmp_path / "build")
    assert done.code == 1
    assert done.stderr.count("\n") == 1
    assert "array.columns is 4 for the student csi-alm-light-ad-tdd, 8 for the data" in done.stderr
    assert "train one on these: --profile quick or full" in done.stderr
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("student", ["csi-alm-light", "csi-alm-light-ad"])
def test_another_array_ends_with_a_student_of_its_own(wide, tmp_path, student):
    asked = ("--data", wide, "--set", f"student.network={student}", "--set", "goals.max_nmse_loss_db=null")
    free = ("--max-worst-speed-loss-db", "null", *NOT_HELD_TO)
    succeed("compress", *asked, *TINY_COMPRESS, *free, "--target", "ort-fp32", "-o", tmp_path)
    bundle = tmp_path / f"ort-fp32-{student}.edgecsi"
    assert open_bundle(bundle).manifest.radio.array.words == "8x4x2"
    predictor = edgecsi_package.load(bundle)
    inputs = predictor.task.draw_inputs(np.random.default_rng(0), predictor.radio, 2)
    assert predictor.predict(inputs).shape == (2, 64, 6, 52)
