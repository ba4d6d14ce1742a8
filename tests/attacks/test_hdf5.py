"""Hostile HDF5 files: whatever is in them, one line within seconds, and Ctrl-C is heard."""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import refuse

from edgecsi.channel import Dataset, hdf5_check
from edgecsi.errors import DataError

HANG = Path(__file__).parents[3] / "shared" / "cases" / "22-h5-hang" / "h5_hang.h5"
BITS = range(8 * 4096)
PYTHON = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def flip(good, scratch, bits):
    """Outcome of every bit, in killable processes."""
    results = []
    left = list(bits)
    while left:
        command = [sys.executable, str(Path(__file__).with_name("flip_bits.py")), str(good), str(scratch)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=PYTHON,
        )
        try:
            said, complaint = process.communicate("\n".join(map(str, left)), timeout=60 + len(left))
        except subprocess.TimeoutExpired:
            process.kill()
            said, complaint = process.communicate()
        found = [json.loads(line) for line in said.splitlines()]
        results += found
        if len(found) < len(left):
            results.append([left[len(found)], "died", 0.0, complaint[-200:]])
        left = left[len(found) + 1 :]
    return results


def judge(results):
    counts = collections.Counter(outcome for _, outcome, _, _ in results)
    print(dict(counts), "slowest", max(results, key=lambda result: result[2])[:3])
    bad = [result for result in results if result[1] not in ("same", "refused") or "\n" in result[3]]
    assert not bad, (len(bad), bad[:5])
    assert counts["refused"] > len(results) / 10


def test_a_sample_of_flipped_bits_is_refused_or_harmless(small_dataset, tmp_path):
    bits = random.Random(22).sample(BITS, 60)
    judge(flip(small_dataset(), tmp_path / "flipped.h5", bits))


@pytest.mark.skipif("EDGECSI_ATTACK" not in os.environ, reason="minutes: make attack")
@pytest.mark.timeout(3 * 3600)
def test_every_flipped_bit_is_refused_or_harmless(small_dataset, tmp_path):
    judge(flip(small_dataset(), tmp_path / "flipped.h5", BITS))


@pytest.fixture
def endless():
    """A file that HDF5 never comes back from."""
    if not HANG.is_file():
        pytest.skip("the file that hangs HDF5 is not here")
    return HANG


def test_a_file_that_hangs_hdf5_is_one_line(endless):
    began = time.monotonic()
    refuse(("data", "info", endless), "takes more than 2 s of a CPU")
    assert time.monotonic() - began < 30


def test_ctrl_c_ends_the_look_at_a_file_that_hangs(endless):
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script += "from edgecsi.channel import hdf5_check\nask = hdf5_check._Asked.ask\n"
    script += "def said(*what):\n    print('asks', flush=True)\n    return ask(*what)\n"
    script += "hdf5_check._Asked.ask = said\nfrom edgecsi.cli import main\nmain()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "data", "info", str(endless)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PYTHON,
    )  # fmt: skip
    assert process.stdout.readline() == "asks\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - began < 1.5  # less than the check's own limit
    assert process.returncode == 130
    assert said.strip() == "edgecsi: interrupted; finished stages are kept"


@pytest.fixture
def questions(monkeypatch):
    """Paths that another process is asked about."""
    asked = []
    ask = hdf5_check._ask
    monkeypatch.setattr(hdf5_check, "_ask", lambda path: asked.append(path) or ask(path))
    return asked


def older(path):
    """Make it a file that nobody changes at this moment."""
    then = time.time_ns() - 10**9
    os.utime(path, ns=(then, then))
    return path


def test_a_file_is_looked_at_once_until_it_changes(small_dataset, questions):
    path = older(small_dataset())
    for _ in range(3):
        Dataset.open(path).close()
    assert len(questions) == 1
    path.write_bytes(path.read_bytes())
    Dataset.open(path).close()
    assert len(questions) == 2


def test_a_file_of_our_own_is_not_looked_at(small_dataset, questions, monkeypatch):
    monkeypatch.setattr(hdf5_check, "_RACY_NS", -(10**9))
    Dataset.open(small_dataset()).close()
    assert questions == []


def test_a_fork_asks_a_process_of_its_own(small_dataset):
    with Dataset.open(older(small_dataset())) as dataset:
        pid = os.fork()
        if pid == 0:
            os.utime(dataset.path)
            good = len(Dataset.open(dataset.path)) == 6 and hdf5_check._asked.owner == os.getpid()
            os._exit(0 if good else 1)
        assert os.waitpid(pid, 0)[1] == 0
        os.utime(dataset.path)
        assert len(Dataset.open(dataset.path)) == 6


def test_without_a_second_process_nothing_is_opened(small_dataset, monkeypatch):
    path = older(small_dataset())
    hdf5_check._end()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DataError, match="can't be looked at"):
        Dataset.open(path)


def test_a_changed_attribute_is_found(small_dataset):
    path = small_dataset()
    path.write_bytes(path.read_bytes().replace(b'"step_s":0.0005', b'"step_s":0.0015'))
    with pytest.raises(DataError, match="damaged, its attributes"):
        Dataset.open(path)


def write_stacked(path, zeros):
    """A chunk that is deflated twice: `zeros` bytes in a few."""
    import zlib

    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1, zeros // 8))
        plist.set_deflate(9)
        plist.set_deflate(9)
        space = h5py.h5s.create_simple((1, zeros // 8))
        kind = h5py.h5t.py_create(np.dtype(np.complex64))
        data = h5py.h5d.create(file.id, b"history", kind, space, plist)
        packed = zlib.compress(zlib.compress(bytes(zeros), 9), 9)
        data.write_direct_chunk((0, 0), packed)
    return older(path)


def test_two_stacked_deflate_filters_are_refused(tmp_path):
    from edgecsi.channel.hdf5 import open_hdf5, stored_dataset

    with (
        open_hdf5(write_stacked(tmp_path / "bomb.h5", 1 << 24)) as file,
        pytest.raises(DataError, match="gzip more than once"),
    ):
        stored_dataset(file, "history")


def test_a_chunk_that_unpacks_to_more_than_it_holds_is_refused(tmp_path):
    import zlib

    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("history", (8, 64), np.float32, chunks=(1, 64), compression="gzip")
        for row in range(8):
            data.id.write_direct_chunk((row, 0), zlib.compress(bytes(256 if row < 7 else 10**7), 9))
    with pytest.raises(DataError, match="more than 1024 MB"):
        Dataset.open(older(path))


def test_an_attribute_larger_than_memory_is_refused(small_dataset):
    path = small_dataset()
    with h5py.File(path, "r+") as file:
        file.attrs.create("site", np.zeros(0x155, np.uint8))
    content = path.read_bytes()
    assert content.count((0x155).to_bytes(8, "little")) >= 1
    path.write_bytes(content.replace((0x155).to_bytes(8, "little"), (1 << 41).to_bytes(8, "little")))
    with pytest.raises(DataError):
        Dataset.open(older(path))
