"""The verbs as a user types them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgecsi.channel import Dataset
from edgecsi.cli import cli
from edgecsi.radio import ArrayGeometry, RadioSetting

EDGECSI = Path(sys.executable).with_name("edgecsi")


def edgecsi(*arguments):
    return CliRunner().invoke(cli, ["data", *map(str, arguments)], standalone_mode=False)


def test_generate_then_info(tmp_path):
    path = tmp_path / "umi.h5"
    done = edgecsi(
        "generate", "--scenario", "umi", "--los", "--duplex", "fdd", "--speed", "30", "--users", 7,
        "--users-per-drop", 2, "--ue-pattern", "38.901", "--seed", 4, "-o", path,
    )  # fmt: skip
    assert done.exception is None, done.output
    summary = json.loads(edgecsi("info", path, "--json", "-").output)
    assert summary["users"] == 7
    assert summary["drops"] == 4
    assert summary["speed_kmh"] == pytest.approx([30, 30], rel=1e-4)
    assert (summary["task"], summary["radio"]["duplex"]) == ("csi", "fdd")
    origin = summary["origin"]
    assert (origin["scenario"], origin["los"], origin["ue_pattern"]) == ("umi", True, "38.901")
    assert (origin["seed"], origin["generator"]) == (4, "sionna TR 38.901")


def test_the_whole_radio_setting_is_asked_for_and_shown(tmp_path):
    path = tmp_path / "wide.h5"
    done = edgecsi(
        "generate", "--users", 2, "--users-per-drop", 1, "--carrier-ghz", 3.5, "--subcarrier-khz", 30,
        "--step-ms", 5, "--subcarriers", 24, "--history", 12, "--future", 2, "--duplex", "fdd",
        "--band-gap-mhz", 40, "--columns", 8, "--rows", 1, "--polarisations", 1, "--column-spacing", 0.6,
        "--row-spacing", 0.7, "-o", path,
    )  # fmt: skip
    assert done.exception is None, done.output
    with Dataset.open(path) as ds:
        assert ds.radio == RadioSetting(
            carrier_hz=3.5e9, subcarrier_spacing_hz=30e3, step_s=5e-3, subcarriers=24, history=12, future=2,
            duplex="fdd", band_gap_hz=4e7,
            array=ArrayGeometry(columns=8, rows=1, polarisations=1, column_spacing=0.6, row_spacing=0.7),
        )  # fmt: skip
    shown = dict(line.split(maxsplit=1) for line in edgecsi("info", path).output.splitlines() if " " in line)
    assert (shown["radio.step_s"], shown["radio.array.columns"], shown["radio.duplex"]) == (
        "0.005",
        "8",
        "fdd",
    )
    assert shown["task"] == "csi"


def test_import_then_info(mat_files, tmp_path):
    site, report = tmp_path / "site.h5", tmp_path / "site.json"
    done = edgecsi(
        "import", "--history", mat_files[0], "--future", mat_files[1], "--speeds", "20,40,60,80",
        "--scenario", "uma", "--nlos", "--carrier-ghz", 3.5, "-o", site,
    )  # fmt: skip
    assert done.exception is None, done.output
    shown = edgecsi("info", site, "--json", report)
    assert "users" in shown.output
    summary = json.loads(report.read_text())
    assert (summary["users"], summary["drops"], summary["speed_kmh"]) == (24, 24, [20.0, 80.0])
    assert summary["radio"]["carrier_hz"] == 3.5e9
    assert summary["origin"]["los"] is False
    assert "H_U_his_train.mat" in summary["origin"]["generator"]


def test_import_does_not_invent_what_the_files_dont_say(mat_files, tmp_path):
    edgecsi("import", "--history", mat_files[0], "--future", mat_files[1], "-o", tmp_path / "site.h5")
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert (ds.origin.scenario, ds.origin.los, ds.origin.ue_pattern) == ("unknown", None, "unknown")


def assert_usage_error(arguments, option):
    done = CliRunner().invoke(cli, ["data", *map(str, arguments)])
    assert done.exit_code == 2
    (line,) = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert option in line


@pytest.mark.parametrize(
    "arguments",
    [
        "--speed 9-5", "--speed 1,2,3", "--speed nan", "--speed 5-inf", "--speed 2000", "--users 0",
        "--users 1e400", "--seed -1", "--test-share nan", "--test-share 0.9", "--carrier-ghz inf",
        "--step-ms nan", "--step-ms 0", "--subcarrier-khz inf", "--columns 0", "--polarisations 3",
        "--row-spacing nan", "--duplex half",
    ],
)  # fmt: skip
def test_wrong_options_of_generate_exit_2(tmp_path, arguments):
    option, value = arguments.split()
    assert_usage_error(["generate", f"{option}={value}", "-o", tmp_path / "x.h5"], option)
    assert list(tmp_path.iterdir()) == []


def test_a_band_gap_without_fdd_exits_2(tmp_path):
    assert_usage_error(["generate", "--band-gap-mhz", 5, "-o", tmp_path / "x.h5"], "band gap")


@pytest.mark.parametrize(
    "arguments",
    ["--step-ms nan", "--step-ms inf", "--carrier-ghz nan", "--subcarrier-khz inf", "--speeds nan",
     "--speeds 10,inf", "--speeds 100-10", "--speeds -5", "--column-spacing 0", "--drops other"],
)  # fmt: skip
def test_wrong_options_of_import_exit_2(mat_files, tmp_path, arguments):
    option, value = arguments.split()
    files = ["--history", mat_files[0], "--future", mat_files[1]]
    assert_usage_error(["import", *files, f"{option}={value}", "-o", tmp_path / "x.h5"], option)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("speeds", [["--speeds", "20,40,60,80"], ["--speeds", "20,40", "--speeds", "60,80"]])
def test_a_list_of_speeds_or_one_after_the_other(mat_files, tmp_path, speeds):
    edgecsi(
        "import", "--history", mat_files[0], "--future", mat_files[1], *speeds, "-o", tmp_path / "site.h5"
    )
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert ds.speed_kmh[::6].tolist() == [20, 40, 60, 80]


def run(*arguments):
    return subprocess.run(
        [EDGECSI, "data", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_users_error_is_one_line_and_exit_1(tmp_path):
    (tmp_path / "bad.h5").write_text("no HDF5")
    done = run("info", tmp_path / "bad.h5")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "not an HDF5 file" in done.stderr


def test_no_progress_bar_without_a_terminal(mat_files, tmp_path):
    done = run("import", "--history", mat_files[0], "--future", mat_files[1], "-o", tmp_path / "site.h5")
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_generating_leaves_the_old_file(tmp_path):
    path = tmp_path / "data.h5"
    path.write_text("old")
    process = subprocess.Popen(
        [EDGECSI, "data", "generate", "--users", "3000", "-o", path],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # may be ignored in our parent
    )
    while len(os.listdir(tmp_path)) < 2:  # the temporary file appears
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["data.h5"]
    assert process.returncode == 130
    assert len(stderr.strip().splitlines()) == 1
    assert "interrupted" in stderr
