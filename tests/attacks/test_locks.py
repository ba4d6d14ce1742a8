"""A disk that knows no locks (NFS without lockd): reading and writing need none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_bundle

SOURCE = """
#include <errno.h>
#include <stdlib.h>
int flock(int fd, int op) { (void)fd; (void)op; errno = atoi(getenv("FLOCK_ERRNO")); return -1; }
"""
WRITE = """
import sys
from conftest import SMALL
from llm4cp_format import ORIGIN
import numpy as np
from edgecsi.channel import Dataset, write_dataset
from edgecsi.cli import main
with write_dataset(sys.argv.pop(1), SMALL, ORIGIN, 2) as writer:
    writer.write(0, np.ones((2, *SMALL.history_shape)), np.ones((2, *SMALL.future_shape)), [3, 3], [0, 1])
sys.argv[0] = "edgecsi"
main()
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """A library whose flock() refuses."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    folder = tmp_path_factory.mktemp("noflock")
    (folder / "noflock.c").write_text(SOURCE)
    library = folder / "noflock.so"
    subprocess.run([compiler, "-shared", "-fPIC", folder / "noflock.c", "-o", library], check=True)
    return library


def run(refusing, number, folder, **more):
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
        "LD_PRELOAD": str(refusing),
        "FLOCK_ERRNO": str(number),
        **more,
    }
    path = str(folder / "a.h5")
    command = [sys.executable, "-c", WRITE, path, "data", "info", path]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("number", [37, 95])
def test_a_folder_that_must_be_locked_is_one_line(refusing, tmp_path, number):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi").path
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LD_PRELOAD": str(refusing),
        "FLOCK_ERRNO": str(number),
    }
    command = [sys.executable, "-m", "edgecsi", "build", str(bundle), "--target", "ort-fp32"]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "b.edgecsi")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 1
    assert "can't lock files: choose a folder on another one" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [37, 95, 38])
def test_reading_and_writing_need_no_lock(refusing, tmp_path, number):
    done = run(refusing, number, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "users" in done.stdout


def test_locks_that_the_environment_asks_for_are_told(refusing, tmp_path):
    done = run(refusing, 37, tmp_path, HDF5_USE_FILE_LOCKING="TRUE")
    assert done.returncode == 1
    assert "set HDF5_USE_FILE_LOCKING=FALSE and run it again" in done.stderr.splitlines()[-1]
