"""A bundle is replaced again and again while others open it: each sees one of them, whole."""

import os
import subprocess
import sys
import time

import pytest
import tiny_bundle
from processes import ROOT, TESTS

from edgecsi import files
from edgecsi.bundle import open_bundle

REPLACE = """
import shutil, sys
sys.path[:0] = sys.argv[1:3]
import tiny_bundle
from pathlib import Path
from edgecsi import files
if sys.argv[4] == "two renames":
    files.exchange = lambda one, other: False
new, path = Path(sys.argv[3]), Path(sys.argv[3]).with_name("a.edgecsi")
for count in range(1 << 30):
    with files.atomic_folder(path) as folder:  # as write_bundle does, without its checks: more often
        for file in (new / str(count % 2)).iterdir():
            shutil.copy(file, folder)
    print(count, flush=True)
"""


@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_readers_never_fail_while_a_bundle_is_replaced(tmp_path, way):
    known = {tiny_bundle.write(tmp_path / "new" / name, name=f"tiny{name}").digest for name in "01"}
    path = tmp_path / "a.edgecsi"
    tiny_bundle.write(path, name="tiny0")
    command = [sys.executable, "-c", REPLACE, str(ROOT), str(TESTS), str(tmp_path / "new"), way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        writer.stdout.readline()
        found, end = [], time.monotonic() + 3
        while time.monotonic() < end:
            found.append(open_bundle(path).digest)
        writer.kill()
        written = len(writer.stdout.read().splitlines())

    assert set(found) == known
    assert min(len(found), written) > 20
    assert open_bundle(path).digest in known


def test_two_folders_swap_their_names_or_nothing_happens(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    swapped = files.exchange(tmp_path / "a", tmp_path / "b")

    assert os.listdir(tmp_path / "a") == ["b" if swapped else "a"]
    with pytest.raises(OSError, match="nothing"):
        files.exchange(tmp_path / "a", tmp_path / "nothing")
