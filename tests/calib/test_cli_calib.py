"""edgecsi calib, as a shell sees it."""

import json

import pytest
from command_line import edgecsi

from edgecsi.calib.calibration_set import CalibrationSet


def test_sample_writes_a_set_and_prints_its_id(tiny_dataset, tmp_path):
    path = tmp_path / "cal.h5"
    done = edgecsi(
        *("calib", "sample", "--data", tiny_dataset, "--users", 8, "--held-out", 3),
        *("--snr-db", 10, "--snr-db", -5, "--seed", 3, "-o", path),
    )
    assert done.code == 0, done.stderr
    with CalibrationSet.open(path) as opened:
        assert done.stdout == f"{path}: 8 users, id {opened.id}\n"
        assert opened.snr_levels_db == [float("inf"), 10, -5]
        assert opened.info.seed == 3


def test_info_tells_what_a_set_holds(calibration_file, calibration):
    done = edgecsi("calib", "info", calibration_file, "--json", "-")
    found = json.loads(done.stdout)
    assert found["id"] == calibration.id
    assert (found["users"], found["held_out"], found["task"]) == (8, 3, "csi")
    assert found["radio"]["array"]["columns"] == 4
    assert sum(found["users_per_group"]["speed_kmh"].values()) == 8
    assert sum(found["users_per_snr"].values()) == 8
    shown = edgecsi("calib", "info", calibration_file).stdout
    assert calibration.id in shown
    assert "radio.array.columns" in shown


@pytest.mark.parametrize(
    ("option", "value"),
    [("--snr-db", "nan"), ("--snr-db", "inf"), ("--snr-db", "-4000"), ("--users", "0"), ("--users", "inf"),
     ("--held-out", "-3"), ("--seed", "-1")],
)  # fmt: skip
def test_numbers_that_mean_nothing_exit_2(tiny_dataset, tmp_path, option, value):
    output = tmp_path / "cal.h5"
    done = edgecsi("calib", "sample", "--data", tiny_dataset, f"{option}={value}", "-o", output)
    assert done.code == 2
    assert option in done.stderr
    assert not output.exists()


def test_too_many_users_is_one_line(tiny_dataset, tmp_path):
    done = edgecsi("calib", "sample", "--data", tiny_dataset, "--users", 999, "-o", tmp_path / "cal.h5")
    assert done.code == 1
    assert done.stderr.count("\n") == 1
    assert "fewer than the 999 asked for" in done.stderr
