import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from edgecsi.cli import cli
from edgecsi.errors import ModelError
from edgecsi.training import NetworkChoice, TrainOptions
from edgecsi.training.loss import NmseLoss
from edgecsi.training.train import fit_network, train_network, work_folder

OPTIONS = TrainOptions(
    epochs=5,
    batch_users=4,
    learning_rate=1e-3,
    precision="fp32",
    max_users=2,
    snr_db=(5.0, 20.0),
    noise_draws=2,
    seed=5,
)
TEACHER = NetworkChoice(network="csi-alm", backbone="random")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads share out sums differently from run to run; here and, through the environment, in processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def everything_is_heard(caplog):
    caplog.set_level(logging.INFO, "edgecsi")


@pytest.fixture(scope="module")
def uninterrupted(tiny_dataset, tmp_path_factory):
    """The model folder of a training that nobody disturbed; its teacher has dropout, so chance plays."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "teacher"
    train_network(TEACHER, tiny_dataset, OPTIONS, folder)
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


def test_kill_9_and_again_gives_the_same_curve_and_weights(uninterrupted, tiny_dataset, tmp_path, caplog):
    teacher = tmp_path / "teacher"
    arguments = (
        f"train csi-alm --data {tiny_dataset} --backbone random --max-users 2 --snr-db 5-20 --noise-draws 2 "
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
    assert "csi-alm: resuming after epoch" in caplog.text
    assert_same_run(teacher, uninterrupted)


class Power(Exception):
    """The plug is pulled."""


class FailingLoss(NmseLoss):
    """Ends in the third epoch, as a crash would."""

    batches = 0

    def forward(self, batch):
        self.batches += 1
        if self.batches == 6:
            raise Power
        return super().forward(batch)


@pytest.fixture(scope="module")
def broken_off(tiny_dataset, tmp_path_factory):
    """What a training leaves that broke off in its third epoch."""
    folder = tmp_path_factory.mktemp("broken") / "teacher"
    with pytest.raises(Power):
        fit_network(
            TEACHER, tiny_dataset, OPTIONS, folder, lambda network, source: FailingLoss(network, "nmse")
        )
    return work_folder(folder)


@pytest.fixture
def interrupted(broken_off, tmp_path):
    """Where a training that broke off in its third epoch was to write."""
    folder = tmp_path / "teacher"
    shutil.copytree(broken_off, work_folder(folder))
    assert len(curve(work_folder(folder))) == 2
    return folder


def test_a_damaged_checkpoint_is_redone_from_the_start(interrupted, uninterrupted, tiny_dataset, caplog):
    weights = work_folder(interrupted) / "checkpoint" / "last.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    train_network(TEACHER, tiny_dataset, OPTIONS, interrupted)
    assert "resuming" not in caplog.text
    assert_same_run(interrupted, uninterrupted)


def test_other_options_start_anew(interrupted, tiny_dataset, caplog):
    train_network(TEACHER, tiny_dataset, OPTIONS.model_copy(update={"epochs": 1}), interrupted)
    assert "resuming" not in caplog.text
    assert len(curve(interrupted)) == 1


def test_other_noise_starts_anew(interrupted, uninterrupted, tiny_dataset, caplog):
    clean = OPTIONS.model_copy(update={"snr_db": None, "noise_draws": 1})
    train_network(TEACHER, tiny_dataset, clean, interrupted)
    assert "resuming" not in caplog.text
    assert curve(interrupted) != curve(uninterrupted)


def test_another_number_of_processes_is_refused(interrupted, tiny_dataset):
    record = work_folder(interrupted) / "checkpoint" / "progress.json"
    content = json.loads(record.read_text())
    content["progress"]["processes"] = 2
    record.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"ran in 2 processes, and 1 would go on differently: start 2 again"):
        train_network(TEACHER, tiny_dataset, OPTIONS, interrupted)
    assert len(curve(work_folder(interrupted))) == 2
