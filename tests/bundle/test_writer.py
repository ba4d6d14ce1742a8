import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_bundle

from edgecsi.bundle import golden_to_bytes, open_bundle, write_bundle
from edgecsi.errors import BundleError

HELPERS = str(Path(tiny_bundle.__file__).parent)


def parts(**changes):
    """A manifest and its files."""
    files = {
        "engine.onnx": tiny_bundle.graph(),
        "student.onnx": tiny_bundle.graph(),
        "golden.npz": golden_to_bytes(tiny_bundle.golden()),
    }
    return tiny_bundle.manifest(), {name: data for name, data in {**files, **changes}.items() if data}


def run(script, *arguments):
    """Run a script in a process of its own that may die."""
    return subprocess.run([sys.executable, "-c", script, HELPERS, *arguments], capture_output=True, text=True)


def test_lists_every_file_by_its_hash(tmp_path):
    manifest, files = parts(**{"notes.txt": b"extra files are welcome"})
    written = write_bundle(tmp_path / "a.edgecsi", manifest, files)

    assert set(written.manifest.files) == set(files)
    assert open_bundle(tmp_path / "a.edgecsi").digest == written.digest


def test_the_same_parts_give_the_same_digest(tmp_path):
    first = write_bundle(tmp_path / "a.edgecsi", *parts())
    second = write_bundle(tmp_path / "b.edgecsi", *parts())

    assert first.digest == second.digest


def test_replaces_an_older_bundle_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "a.edgecsi"
    tiny_bundle.write(path, "openvino")
    newer = tiny_bundle.write(path, "onnxruntime")

    assert open_bundle(path).digest == newer.digest
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"engine.onnx": None}, r"lists no engine\.onnx"),
        ({"golden.npz": None}, r"lists no golden\.npz"),
        ({"../outside": b"x"}, "plain file name"),
        ({"manifest.json": b"x"}, "plain file name"),
        ({"-x": b"x"}, "no plain file name"),
        ({"engine.onnx": b"not a graph"}, "no ONNX graph"),
    ],
)
def test_writes_nothing_that_would_not_open(tmp_path, change, complaint):
    with pytest.raises(BundleError, match=complaint):
        write_bundle(tmp_path / "a.edgecsi", *parts(**change))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_overwrites_nothing_but_a_bundle(tmp_path, kind):
    path = tmp_path / "precious"
    if kind == "folder":
        path.mkdir()
        (path / "thesis.tex").touch()
    elif kind == "file":
        path.touch()
    else:
        path.symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(BundleError, match="exists and is no bundle"):
        write_bundle(path, *parts())
    assert sorted(tmp_path.rglob("*")) == before


DIE_AT_CALL = """
import os, shutil, sys
sys.path.insert(0, sys.argv[1])
import tiny_bundle
from pathlib import Path
from edgecsi import files
from edgecsi.bundle import open_bundle

if sys.argv[3] == "two renames":
    files.exchange = lambda one, other: False
path = Path(sys.argv[2])
old = tiny_bundle.write(path, name="old").digest
new = tiny_bundle.write(path.with_name("new"), name="new").digest
found, deaths = old, 0
while found != new or os.waitstatus_to_exitcode(status):
    child = os.fork()
    if child == 0:
        left = deaths
        def mortal(call):
            def wrapper(*arguments, **options):
                global left
                if left == 0:
                    os._exit(9)
                left -= 1
                return call(*arguments, **options)
            return wrapper
        for module, name in ((os, "fsync"), (os, "rename"), (os, "unlink"), (os, "mkdir"), (os, "chmod")):
            setattr(module, name, mortal(getattr(module, name)))
        tiny_bundle.write(path, name="new")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    found = open_bundle(path).digest
    assert found in (old, new), deaths
    if found == new and os.waitstatus_to_exitcode(status):
        tiny_bundle.write(path, name="old")
    deaths += 1
print(deaths)
"""


@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_a_death_at_any_step_leaves_the_old_bundle_or_the_new_one(tmp_path, way):
    """The process dies before its first, second, ... call that changes the disk, until one write ends."""
    done = run(DIE_AT_CALL, str(tmp_path / "a.edgecsi"), way)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8


WRITE_FOREVER = """
import sys
sys.path.insert(0, sys.argv[1])
import tiny_bundle
from pathlib import Path
while True:
    for name in ("one", "two"):
        tiny_bundle.write(Path(sys.argv[2]), name=name)
        print(name, flush=True)
"""


def test_kill_9_leaves_a_whole_bundle(tmp_path):
    path = tmp_path / "a.edgecsi"
    rng = np.random.default_rng(0)

    for _ in range(4):
        command = [sys.executable, "-c", WRITE_FOREVER, HELPERS, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
        assert open_bundle(path).manifest.name in ("one", "two")


FULL_DISK = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import tiny_bundle
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))  # golden.npz is larger
tiny_bundle.write(Path(sys.argv[2]), name="new")
"""


def test_a_full_disk_leaves_the_old_bundle_alone(tmp_path):
    path = tmp_path / "a.edgecsi"
    old = tiny_bundle.write(path)
    failed = run(FULL_DISK, str(path))

    assert "OSError" in failed.stderr
    assert open_bundle(path).digest == old.digest
    assert list(tmp_path.iterdir()) == [path]
