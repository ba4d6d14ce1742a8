"""Several processes, started as a user would start them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from edgecsi.distill.stage import distill
from edgecsi.distill.task import DistillOptions
from edgecsi.models import load
from edgecsi.training import TrainOptions
from edgecsi.training.csi_alm import train_teacher
from edgecsi.training.stage import TrainingData


@pytest.fixture(scope="module")
def teacher(clean, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher") / "teacher"
    options = TrainOptions(epochs=1, batch_users=8, batch_antennas=8)
    train_teacher(clean, "random", None, options, folder)
    return folder


def curves(folder):
    """Loss and validation of every epoch."""
    log = json.loads((folder / "log.json").read_text())
    return [[row["loss"], row["attention"], row["validation_nmse_mean_db"]] for row in log]


def test_two_processes_train_as_one_with_twice_the_batch(clean, teacher, tmp_path):
    arguments = (
        f"distill --teacher {teacher} --data {clean.path} --relation-heads 16 --max-users 4 --epochs 2 "
        f"--batch-users 4 --batch-antennas 8 --learning-rate 3e-3 --precision fp32 -o {tmp_path / 'two'}"
    ).split()
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run(
        [*launch, "edgecsi", *arguments],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 2/2") == 1, "one process speaks for all"

    options = TrainOptions(epochs=2, batch_users=8, batch_antennas=8, learning_rate=3e-3, precision="fp32")
    distill(teacher, TrainingData(clean.path, 4), options, DistillOptions(heads=16), tmp_path / "one")
    np.testing.assert_allclose(curves(tmp_path / "two"), curves(tmp_path / "one"), atol=1e-3)
    for two, one in zip(
        load(tmp_path / "two").parameters(), load(tmp_path / "one").parameters(), strict=True
    ):
        np.testing.assert_allclose(two.detach(), one.detach(), atol=1e-3)
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}
