"""Calibration sets from outside: whole, or one clear line."""

import shutil

import h5py
import numpy as np
import pytest

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.errors import DataError, RadioMismatch
from edgecsi.radio import ArrayGeometry, RadioSetting


@pytest.fixture
def damaged(calibration_file, tmp_path):
    """A copy of the set, changed by a function of its open file."""

    def make(change):
        path = shutil.copy(calibration_file, tmp_path / "damaged.h5")
        with h5py.File(path, "r+") as file:
            change(file)
            del file.attrs["checksum"]
        return path

    return make


def replace(name, make):
    def change(file):
        values = make(file[name][...])
        del file[name]
        file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.attrs.update({"format": "else"}), "no calibration set; make one with"),
        (
            lambda file: file.attrs.update({"format_version": 9}),
            "format 9, this edgecsi reads 2; sample it again",
        ),
        (lambda file: file.attrs.update({"users": 0}), "attribute 'users' is wrong"),
        (
            lambda file: file.attrs.update({"users": 9}),
            "holds 14 rows, not the 15 of its 9 calibrating and 3",
        ),
        (lambda file: file.pop("future"), "'future' is missing"),
        (replace("history", lambda values: values.real), "'history' must be complex64 .* is float32"),
        (replace("future", lambda values: values[:, :2]), r"'future' must be complex64 .*\(32, 4, 48\)"),
        (replace("future", lambda values: values[:9]), "history of 14 users and future of 9 don't fit"),
        (lambda file: file.attrs.update({"task": "cis"}), "unknown task 'cis'"),
        (lambda file: file.attrs.update({"radio": "{}", "extra": 1}), "attribute 'extra' is wrong"),
        (replace("speed_kmh", lambda values: values[1:]), r"'speed_kmh' must be float32 \[14\]"),
    ],
)
def test_what_does_not_fit_is_one_line(damaged, change, message):
    with pytest.raises(DataError, match=message) as caught:
        CalibrationSet.open(damaged(change))
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_one_line(calibration_file, tmp_path):
    path = tmp_path / "cut.h5"
    path.write_bytes(calibration_file.read_bytes()[:-1000])
    with pytest.raises(DataError, match="truncated"):
        CalibrationSet.open(path)


def test_a_dataset_is_no_calibration_set(tiny_dataset):
    with pytest.raises(DataError, match="no calibration set"):
        CalibrationSet.open(tiny_dataset)


def test_nan_is_found_when_it_is_read(damaged):
    def spoil(file):
        file["history"][3, 0, 0, 0] = np.nan

    with (
        CalibrationSet.open(damaged(spoil)) as opened,
        pytest.raises(DataError, match="user 3 has NaN or Inf"),
    ):
        list(opened.calibrating_users())


def test_another_content_has_another_id(calibration, damaged):
    with CalibrationSet.open(damaged(lambda file: file["future"].__setitem__((0, 0, 0, 0), 1))) as other:
        assert other.id != calibration.id


def test_another_radio_setting_has_another_id(calibration, damaged):
    def change(file):
        file.attrs["radio"] = file.attrs["radio"].replace("0.0005", "0.001")

    with CalibrationSet.open(damaged(change)) as other:
        assert other.id != calibration.id


def test_the_same_setting_fits(calibration):
    assert calibration.check_radio(RadioSetting(), "the student") == []


def test_another_setting_is_refused_with_both_values_and_the_ways_out(calibration):
    wide = RadioSetting(array=ArrayGeometry(columns=8))
    with pytest.raises(RadioMismatch) as caught:
        calibration.check_radio(wide, "student s")
    for word in ("array.columns is 4 for calibration set", "8 for student s", "sample one"):
        assert word in str(caught.value)
    assert "--accept-radio-mismatch" not in str(caught.value)  # its shapes differ
    with pytest.raises(RadioMismatch):
        calibration.check_radio(wide, "student s", accept=True)


def test_another_step_can_be_accepted(calibration):
    slow = RadioSetting(step_s=5e-3)
    with pytest.raises(RadioMismatch, match=r"step_s is 0.0005 .* 0.005 for s: .*--accept-radio-mismatch"):
        calibration.check_radio(slow, "s")
    (told,) = calibration.check_radio(slow, "s", accept=True)
    assert "step_s" in told


def test_groups_that_are_not_covered_are_named(calibration):
    with pytest.raises(DataError, match=r"covers .*km/h, but none of the tested 300 km/h"):
        calibration.check_groups({"speed_kmh": np.array([297.0, 303.0])})
    calibration.check_groups({"speed_kmh": np.array([300.0, calibration.speed_kmh[0]])})
