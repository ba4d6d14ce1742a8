"""kill -9, Ctrl-C, a full disk and company, at every kind of moment: the next run ends right."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import tiny_compress
from command_line import edgecsi

from edgecsi.bundle import open_bundle

TARGETS = ("ort-fp32",)

# Sends itself a signal at the n-th file operation that matches: a moment that no clock decides.
STRUCK = """
import os, re, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits it ignored
signal_number, pattern, count = int(sys.argv[1]), re.compile(sys.argv[2]), int(sys.argv[3])
sys.argv[1:4] = []

def strike(event, arguments):
    global count
    if event not in ("open", "os.rename") or count == 0:
        return
    words = " ".join([event, *map(str, arguments[:2])])
    if pattern.search(words):
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal_number)

sys.addaudithook(strike)
from edgecsi.cli import main
main()
"""

# As on a file system that can't exchange two names in one step.
TWO_RENAMES = STRUCK.replace(
    "main()", "from edgecsi import files\nfiles.exchange = lambda one, other: False\nmain()"
)


def struck(build, signal_number, pattern, count=1, *, more=(), script=STRUCK):
    """Run compress in a process of its own that a signal strikes; its stderr."""
    arguments = tiny_compress.arguments(build, *more, targets=TARGETS)
    command = [sys.executable, "-c", script, str(int(signal_number)), pattern, str(count), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    expected = -signal.SIGKILL if signal_number == signal.SIGKILL else 130
    assert done.returncode == expected, done.stderr
    return done.stderr


def forget(build, *stages):
    """Remove the cache entries of some stages, and the bundle."""
    for stage in stages:
        (entry,) = (build / ".cache").glob(f"{stage}-*")
        shutil.rmtree(entry)
    shutil.rmtree(build / "ort-fp32-csi-alm-light.edgecsi")


def finish(build):
    """Run again; what it ran and said."""
    done = tiny_compress.run(build, targets=TARGETS)
    assert done.code == 0, done.stderr
    assert not list(build.glob("**/*.tmp"))
    assert not list(build.glob("**/*.partial"))
    assert not list(build.glob("**/.*.old"))
    return json.loads((build / "compress.json").read_text())["ran"], done.stderr


@pytest.fixture
def digest(compressed):
    """Of the bundle of a run that nothing disturbed."""
    return open_bundle(compressed / "ort-fp32-csi-alm-light.edgecsi").digest


KILLS = {
    # stage: (file operation at which it dies, of how many, what the next run says)
    "data": (r"os\.rename .*channels\.h5", 1, "data: running"),
    "teacher": (r"os\.rename \S+ \S+\.model\.work/checkpoint$", 2, "csi-alm: resuming after epoch 1 of 2"),
    "relation-targets": (r"os\.rename \S+ \S+targets\.h5", 1, "relation-targets: running"),
    "student": (r"os\.rename \S+ \S+\.model\.work/checkpoint$", 2, "csi-alm-light: resuming after epoch 1"),
    "graph": (r"os\.rename \S+ \S+student\.onnx", 1, "graph: running"),
    "engine-ort-fp32": (r"os\.rename \S+ \S+engine\.onnx", 1, "engine-ort-fp32: running"),
    "proof-ort-fp32": (r"os\.rename \S+ \S+stage\.json", 1, "proof-ort-fp32: running"),
}


@pytest.mark.parametrize("stage", KILLS)
def test_kill_9_in_a_stage(build, stage, digest):
    pattern, count, words = KILLS[stage]
    forget(build, stage)
    struck(build, signal.SIGKILL, pattern, count)
    ran, said = finish(build)
    assert ran == [stage]
    assert words in said
    assert open_bundle(build / "ort-fp32-csi-alm-light.edgecsi").digest == digest


BUNDLE = "ort-fp32-csi-alm-light.edgecsi"


@pytest.mark.parametrize(
    ("pattern", "script"),
    [
        (rf"open \S+/\.{BUNDLE}\.\w+\.tmp/golden\.npz w", STRUCK),
        (rf"open \S+/\.{BUNDLE}\.\w+\.tmp/manifest\.json w", STRUCK),
        (rf"os\.rename \S+\.tmp \S+/{BUNDLE}$", STRUCK),
        (rf"os\.rename \S+/{BUNDLE} \S+/\.{BUNDLE}\.old", TWO_RENAMES),
        (rf"os\.rename \S+\.tmp \S+/{BUNDLE}$", TWO_RENAMES),
    ],
    ids=["golden", "manifest", "exchanged", "old moved aside", "new moved in"],
)
def test_kill_9_while_the_bundle_is_written(build, pattern, script, digest):
    (build / BUNDLE / "student.onnx").write_bytes(b"damaged, so that it is written again")
    struck(build, signal.SIGKILL, pattern, script=script)
    ran, _ = finish(build)
    assert ran == []
    assert open_bundle(build / BUNDLE).digest == digest


def test_kill_9_between_two_renames_leaves_a_bundle_that_opens(build):
    path = build / BUNDLE
    digest = open_bundle(path).digest
    another = ("--max-nmse-loss-db", "0.7")  # manifest
    struck(build, signal.SIGKILL, rf"os\.rename \S+\.tmp \S+/{BUNDLE}$", more=another, script=TWO_RENAMES)
    assert not path.exists()
    assert open_bundle(path).digest == digest
    finish(build)
    assert path.exists()
    assert open_bundle(path).digest == digest


def test_kill_9_before_a_finished_stage_is_in_place_costs_nothing(build, digest):
    forget(build, "teacher")
    struck(build, signal.SIGKILL, r"os\.rename \S+/\.teacher-\w+\.partial \S+/teacher-\w+$")
    ran, said = finish(build)
    assert ran == ["teacher"]
    assert "epoch" not in said
    assert open_bundle(build / BUNDLE).digest == digest


@pytest.mark.parametrize("stage", ["data", "teacher", "engine-ort-fp32"])
def test_ctrl_c_is_one_line_and_the_next_run_goes_on(build, stage, digest):
    pattern, count, words = KILLS[stage]
    forget(build, stage)
    said = struck(build, signal.SIGINT, pattern, count)
    assert said.splitlines()[-1] == "edgecsi: interrupted; finished stages are kept"
    assert "Traceback" not in said
    ran, said = finish(build)
    assert ran == [stage]
    assert words in said
    assert open_bundle(build / BUNDLE).digest == digest


@contextmanager
def full_disk(limit):
    """No file may grow beyond `limit` bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize(
    "stage",
    [
        "data",
        "teacher",
        "relation-targets",
        "student",
        "scores",
        "graph",
        "engine-ort-fp32",
        "proof-ort-fp32",
        "bundle",
    ],
)
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(build, stage, digest):
    forget(build, *([] if stage == "bundle" else [stage]))
    with full_disk(100 if stage.startswith("proof") else 50_000):
        done = tiny_compress.run(build, targets=TARGETS)
    assert done.code == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert re.match("edgecsi: error: .*(too large|serialization failed)", last), done.stderr
    assert done.stderr.count("edgecsi: error:") == 1
    ran, _ = finish(build)
    assert ran == ([] if stage == "bundle" else [stage])
    assert open_bundle(build / BUNDLE).digest == digest


def test_two_at_once_both_end_well_with_one_result(build, digest):
    forget(build, "student", "engine-ort-fp32")
    command = [sys.executable, "-m", "edgecsi", *tiny_compress.arguments(build, targets=TARGETS)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert sum(lines.count("student: running") for lines in said) == 1
    assert sum(lines.count("ort-fp32-csi-alm-light.edgecsi written") for lines in said) == 1
    assert finish(build)[0] == []
    assert open_bundle(build / BUNDLE).digest == digest


def test_two_builds_at_once_leave_one_whole_bundle(compressed, tmp_path):
    arguments = [
        "build",
        str(compressed / BUNDLE),
        "--target",
        "ort-fp32",
        "-o",
        str(tmp_path / "new.edgecsi"),
    ]
    processes = [subprocess.Popen([sys.executable, "-m", "edgecsi", *arguments]) for _ in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert edgecsi("verify", tmp_path / "new.edgecsi").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".edgecsi.lock", "new.edgecsi"]
