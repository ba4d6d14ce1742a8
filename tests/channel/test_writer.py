import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from edgecsi.channel import Dataset, Origin, write_dataset
from edgecsi.errors import DataError
from edgecsi.radio import ArrayGeometry, RadioSetting

ORIGIN = Origin(scenario="test", generator="tests", generator_version="1", seed=3)
RADIO = RadioSetting(
    carrier_hz=3.5e9, history=3, future=2, subcarriers=4, duplex="fdd", band_gap_hz=1e8,
    array=ArrayGeometry(columns=2, rows=1, polarisations=1, column_spacing=0.7),
)  # fmt: skip
HERE = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}


def block(users, value=1 + 1j):
    return (
        np.full((users, *RADIO.history_shape), value, np.complex64),
        np.full((users, *RADIO.future_shape), value, np.complex64),
        np.full(users, 30.0),
        np.arange(users),
    )


def test_blocks_in_any_order_come_back_as_written(tmp_path):
    with write_dataset(tmp_path / "a.h5", RADIO, ORIGIN, 5) as writer:
        writer.write(3, *block(2, 3j))
        writer.write(0, *block(3, 2j))
    with Dataset.open(tmp_path / "a.h5") as ds:
        assert ds.origin == ORIGIN
        assert ds.radio == RADIO
        np.testing.assert_array_equal(ds.history(slice(None))[:, 0, 0, 0], [2j, 2j, 2j, 3j, 3j])
        np.testing.assert_array_equal(ds.drop, [0, 1, 2, 0, 1])


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN or Inf"), (0, "zero power")])
def test_a_bad_user_stops_the_writing_and_leaves_the_old_file(tmp_path, value, words):
    path = tmp_path / "a.h5"
    path.write_text("old")
    history, *rest = block(4)
    history[2] = value
    with (
        pytest.raises(DataError, match=f"user 12 has {words}"),
        write_dataset(path, RADIO, ORIGIN, 20) as writer,
    ):
        writer.write(10, history, *rest)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.h5"]


def test_users_that_were_never_written_are_refused(tmp_path):
    with (
        pytest.raises(DataError, match="2 users were never written"),
        write_dataset(tmp_path / "a.h5", RADIO, ORIGIN, 5) as writer,
    ):
        writer.write(0, *block(3))
    assert os.listdir(tmp_path) == []


def test_numbers_of_another_precision_are_converted(tmp_path):
    history, future, _, _ = block(2)
    with write_dataset(str(tmp_path / "a.h5"), RADIO, ORIGIN, 2) as writer:
        writer.write(0, history.astype(complex), future.tolist(), [30, 40], [0, 0])
    with Dataset.open(tmp_path / "a.h5") as ds:
        np.testing.assert_array_equal(ds.history(slice(None)), history)
        assert ds.speed_kmh.tolist() == [30, 40]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("history", lambda value: value[..., :3], "(2, 2, 3, 4)"),
        ("future", lambda value: value[:1], "(2, 2, 2, 4)"),
        ("future", lambda value: value * 1e300, "user 0 has NaN or Inf"),
        ("speed_kmh", lambda value: value[:1], "(2,)"),
        ("speed_kmh", lambda value: value + 1j, "float32"),
        ("speed_kmh", lambda value: -value, "a negative speed"),
        ("speed_kmh", lambda value: value * np.nan, "NaN"),
        ("drop", lambda value: value + 0.5, "int64"),
    ],
)
def test_blocks_that_do_not_fit_are_one_line(tmp_path, name, change, words):
    blocks = dict(zip(("history", "future", "speed_kmh", "drop"), block(2), strict=True))
    blocks["future"] = blocks["future"].astype(complex)
    blocks[name] = change(blocks[name])
    with (
        pytest.raises(DataError) as caught,
        write_dataset(tmp_path / "a.h5", RADIO, ORIGIN, 2) as writer,
    ):
        writer.write(0, **blocks)
    assert name in str(caught.value)
    assert words in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("first", [-1, 3])
def test_users_beyond_the_file_are_refused(tmp_path, first):
    with (
        pytest.raises(DataError, match="are not among its 4"),
        write_dataset(tmp_path / "a.h5", RADIO, ORIGIN, 4) as writer,
    ):
        writer.write(first, *block(2))


def test_no_users_are_refused(tmp_path):
    with (
        pytest.raises(DataError, match="at least one user"),
        write_dataset(tmp_path / "a.h5", RADIO, ORIGIN, 0),
    ):
        pass


def interrupted_write(path):
    with write_dataset(path, RADIO, ORIGIN, 5) as writer:
        writer.write(0, *block(3))
        raise KeyboardInterrupt


def test_interrupt_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted_write(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.h5"]


ENDLESS_WRITER = """
import signal, sys
from pathlib import Path
from test_writer import ORIGIN, RADIO, block, write_dataset
signal.signal(signal.SIGINT, signal.default_int_handler)  # the parent may ignore it
with write_dataset(Path(sys.argv[1]), RADIO, ORIGIN, 1000) as writer:
    while True:
        writer.write(0, *block(1000))
        print("written", flush=True)
"""

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from edgecsi.errors import EdgeCsiError
from test_writer import ORIGIN, RADIO, block, write_dataset
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    with write_dataset(Path(sys.argv[1]), RADIO, ORIGIN, 10_000) as writer:
        for first in range(0, 10_000, 100):
            writer.write(first, *block(100))
except (OSError, EdgeCsiError) as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_stopped_while_writing_leaves_the_old_file(tmp_path, stop):
    path = tmp_path / "a.h5"
    path.write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_WRITER, path],
        env=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "written\n"
    process.send_signal(stop)
    process.communicate()
    assert process.returncode == -stop
    assert path.read_text() == "old"
    if stop == signal.SIGINT:
        assert os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.parametrize("old", [True, False])
def test_full_disk_leaves_the_old_file_or_none(tmp_path, old):
    path = tmp_path / "a.h5"
    if old:
        path.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], env=HERE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert "a.h5" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert os.listdir(tmp_path) == (["a.h5"] if old else [])
