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
    assert summary["info"]["scenario"] == "umi"
    assert summary["info"]["los"] is True
    assert (summary["info"]["duplex"], summary["info"]["ue_pattern"]) == ("fdd", "38.901")
    assert summary["info"]["seed"] == 4
    assert summary["info"]["generator"] == "sionna TR 38.901"


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
    assert summary["info"]["carrier_hz"] == 3.5e9
    assert summary["info"]["los"] is False
    assert "H_U_his_train.mat" in summary["info"]["generator"]


def test_import_does_not_invent_what_the_files_dont_say(mat_files, tmp_path):
    edgecsi("import", "--history", mat_files[0], "--future", mat_files[1], "-o", tmp_path / "site.h5")
    with Dataset.open(tmp_path / "site.h5") as ds:
        assert (ds.info.scenario, ds.info.los, ds.info.ue_pattern) == ("unknown", None, "unknown")


@pytest.mark.parametrize(
    "arguments", [["--speed", "9-5"], ["--speed", "1,2,3"], ["--users", "0"], ["--seed", "-1"]]
)
def test_wrong_options_exit_2(tmp_path, arguments):
    done = CliRunner().invoke(cli, ["data", "generate", *arguments, "-o", str(tmp_path / "x.h5")])
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []


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
