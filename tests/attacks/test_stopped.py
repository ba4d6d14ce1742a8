"""SIGTERM, SIGHUP, SIGINT and SIGKILL at random moments: nothing is left, or the next run clears it."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}

# Forks one command after the other from a process that has imported everything, and strikes each at a moment
# of its life: the first runs through and says how long that is.
STRIKE = """
import json, os, random, signal, sys, time
import edgecsi.channel.tr38901
from edgecsi.cli import main

arguments, strikes, seed = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
kinds = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]

def start():
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        sys.argv = ["edgecsi", *arguments]
        code = 99
        try:
            main()
        except SystemExit as done:
            code = done.code or 0
        finally:
            os._exit(code)
    return pid

began = time.monotonic()
assert os.waitpid(start(), 0)[1] == 0
whole = time.monotonic() - began
codes = []
for number in range(strikes):
    pid, kind = start(), kinds[number % len(kinds)]
    time.sleep(chance.uniform(0, whole))
    os.kill(pid, kind)
    codes.append((int(kind), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    left = [name for name in os.listdir(os.path.dirname(arguments[-1])) if name.endswith(".tmp")]
    codes[-1] += (len(left),)
print(json.dumps(codes))
"""


def test_thirty_kills_of_data_generate_and_one_rerun_leave_nothing(tmp_path):
    import json

    folder = tmp_path / "out"
    folder.mkdir()
    arguments = ["data", "generate", "--users", "16", "--users-per-drop", "4", "-o", str(folder / "site.h5")]
    done = subprocess.run(
        [sys.executable, "-c", STRIKE, json.dumps(arguments), "30", "7"],
        capture_output=True, text=True, env=PYTHON, timeout=250,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    codes = json.loads(done.stdout.splitlines()[-1])
    assert len(codes) == 30
    before = 0
    for kind, code, left in codes:
        assert code in ((0, -kind) if kind in (signal.SIGKILL,) else (0, 128 + kind, -kind)), codes
        assert left <= before + (kind == signal.SIGKILL), codes  # all others clean up behind themselves
        before = left
    again = subprocess.run(
        [sys.executable, "-m", "edgecsi", *arguments], capture_output=True, text=True, env=PYTHON
    )
    assert again.returncode == 0, again.stderr
    assert [path.name for path in folder.iterdir()] == ["site.h5"]


WRITER = """
import signal, sys
from unittest.mock import patch
from edgecsi import cli
from edgecsi.channel import writer
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from test_writer import ORIGIN, RADIO, block, write_dataset

def endless(*_, **how):
    with write_dataset(sys.argv[1], RADIO, ORIGIN, 1000) as writer:
        while True:
            writer.write(0, *block(1000))
            print("written", flush=True)

with patch.object(cli.cli, "main", endless):
    cli.main()
"""


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stop_while_hdf5_writes_cleans_up(tmp_path, stop):
    environment = {**PYTHON, "PYTHONPATH": f"{PYTHON['PYTHONPATH']}{os.pathsep}{ROOT / 'tests' / 'channel'}"}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "a.h5")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdout.readline() == "written\n"
    process.send_signal(stop)
    _, said = process.communicate(timeout=30)
    assert said == "edgecsi: interrupted; finished stages are kept\n"
    assert process.returncode == 128 + stop
    assert list(tmp_path.iterdir()) == []


def test_nohup_is_kept(tmp_path):
    script = "import signal, os\nfrom edgecsi.stopping import listen\n"
    script += "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nlisten()\nos.kill(os.getpid(), signal.SIGHUP)\n"
    script += "print('lives')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=PYTHON)
    assert done.stdout == "lives\n"


def test_a_fork_of_the_command_dies_as_it_would_without_us():
    script = (
        "import signal, os, time\nfrom edgecsi.stopping import listen\nlisten()\nready, tell = os.pipe()\n"
    )
    script += "pid = os.fork()\nif pid == 0:\n    os.write(tell, b'1')\n    time.sleep(30)\n    os._exit(0)\n"
    script += "os.read(ready, 1)\nos.kill(pid, signal.SIGTERM)\n"
    script += "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=PYTHON)
    assert done.stdout == f"{-signal.SIGTERM}\n"
    assert done.stderr == ""


def test_ctrl_c_while_starting_is_one_line():
    """At random moments from the import of edgecsi on, the exit code tells a stop from a finish."""
    chance = random.Random(3)
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script += "import edgecsi.early\nprint('early', flush=True)\nfrom edgecsi.cli import main\nmain()"
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", script, "budgets"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PYTHON,
        )  # fmt: skip
        process.stdout.readline()
        try:
            process.wait(timeout=chance.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert said.strip() in ("", "edgecsi: interrupted; finished stages are kept"), said
        assert process.returncode in (0, 130, -signal.SIGINT)
