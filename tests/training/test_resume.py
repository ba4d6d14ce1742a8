import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from edgecsi.cli import cli
from edgecsi.training import Augmentation
from edgecsi.training.csi_alm import TeacherTask, train_teacher
from edgecsi.training.loop import TrainOptions
from edgecsi.training.stage import TrainingData, config_of, train_network, work_folder

OPTIONS = TrainOptions(
    epochs=5, batch_users=4, batch_antennas=8, learning_rate=1e-3, precision="fp32", seed=5
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads share out sums differently from run to run; here and, through the environment, in processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tiny_dataset):
    return TrainingData(tiny_dataset, 2, Augmentation((5.0, 20.0), draws=2, seed=5))


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """The model folder of a training that nobody disturbed; its teacher has dropout, so chance plays."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "teacher"
    train_teacher(data, "random", None, OPTIONS, folder)
    return folder


def curve(folder):
    """Every epoch of the log; how long it took is the only thing that may differ."""
    return [
        {name: value for name, value in row.items() if name != "seconds"}
        for row in json.loads((folder / "log.json").read_text())
    ]


def assert_same_run(folder, other):
    """The same up to the order in which a processor's kernels add, which depends on memory addresses."""
    for row, expected in zip(curve(folder), curve(other), strict=True):
        assert row == pytest.approx(expected, rel=1e-5)
    weights, expected = (load_file(place / "model.safetensors") for place in (folder, other))
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)
    assert not work_folder(folder).exists()


def test_kill_9_and_again_gives_the_same_curve_and_weights(uninterrupted, data, tmp_path, capfd):
    teacher = tmp_path / "teacher"
    arguments = (
        f"train csi-alm --data {data.path} --backbone random --max-users 2 --snr-db 5-20 --noise-draws 2 "
        f"--epochs 5 --batch-users 4 --batch-antennas 8 --learning-rate 1e-3 --precision fp32 --seed 5 "
        f"-o {teacher}"
    ).split()
    running = subprocess.Popen([sys.executable, "-m", "edgecsi", *arguments], stderr=subprocess.DEVNULL)
    while not (work_folder(teacher) / "log.json").exists():  # after the first epoch
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not teacher.exists()

    cli.main(arguments, standalone_mode=False)
    assert "csi-alm: resuming after epoch" in capfd.readouterr().err
    assert_same_run(teacher, uninterrupted)


class Power(Exception):
    """The plug is pulled."""


class FailingTask(TeacherTask):
    """Ends in the third epoch, as a crash would."""

    batches = 0

    def forward(self, batch):
        self.batches += 1
        if self.batches == 6:
            raise Power
        return super().forward(batch)


@pytest.fixture(scope="module")
def broken_off(data, tmp_path_factory):
    """What a training leaves that broke off in its third epoch."""
    folder = tmp_path_factory.mktemp("broken") / "teacher"
    config = config_of("csi-alm", data.path, OPTIONS.seed, "random")
    with pytest.raises(Power):
        train_network(config, lambda network: FailingTask(network, "nmse"), data, OPTIONS, folder)
    return work_folder(folder)


@pytest.fixture
def interrupted(broken_off, tmp_path):
    """Where a training that broke off in its third epoch was to write."""
    folder = tmp_path / "teacher"
    shutil.copytree(broken_off, work_folder(folder))
    assert len(curve(work_folder(folder))) == 2
    return folder


def test_a_damaged_checkpoint_is_redone_from_the_start(interrupted, uninterrupted, data, capfd):
    weights = work_folder(interrupted) / "checkpoint" / "last.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    train_teacher(data, "random", None, OPTIONS, interrupted)
    assert "resuming" not in capfd.readouterr().err
    assert_same_run(interrupted, uninterrupted)


def test_other_options_start_anew(interrupted, data, capfd):
    train_teacher(data, "random", None, replace(OPTIONS, epochs=1), interrupted)
    assert "resuming" not in capfd.readouterr().err
    assert len(curve(interrupted)) == 1


def test_other_data_start_anew(interrupted, uninterrupted, data, capfd):
    train_teacher(replace(data, augmentation=Augmentation()), "random", None, OPTIONS, interrupted)
    assert "resuming" not in capfd.readouterr().err
    assert curve(interrupted) != curve(uninterrupted)
