"""Several processes, started as a user would start them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from command_line import edgecsi

from edgecsi.distill.distill import distill
from edgecsi.distill.options import DistillOptions
from edgecsi.models import load
from edgecsi.training import NetworkChoice, TrainOptions
from edgecsi.training.train import train_network

STUDENT = NetworkChoice(network="csi-alm-light")
TEACHER = NetworkChoice(network="csi-alm", backbone="random")


@pytest.fixture(scope="module")
def teacher(tiny_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher") / "teacher"
    train_network(TEACHER, tiny_dataset, TrainOptions(epochs=1, batch_users=8, max_users=4), folder)
    return folder


def curves(folder):
    """Loss and validation of every epoch."""
    log = json.loads((folder / "log.json").read_text())
    return [[row["loss"], row["attention"], row["validation_nmse_mean_db"]] for row in log]


def test_two_processes_train_as_one_with_twice_the_batch(tiny_dataset, teacher, tmp_path):
    arguments = (
        f"distill --teacher {teacher} --data {tiny_dataset} --relation-heads 16 --max-users 4 --epochs 2 "
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

    options = DistillOptions(
        epochs=2, batch_users=8, learning_rate=3e-3, precision="fp32", max_users=4, relation_heads=16
    )
    distill(teacher, STUDENT, tiny_dataset, options, tmp_path / "one")
    np.testing.assert_allclose(curves(tmp_path / "two"), curves(tmp_path / "one"), atol=1e-3)
    for two, one in zip(
        load(tmp_path / "two").parameters(), load(tmp_path / "one").parameters(), strict=True
    ):
        np.testing.assert_allclose(two.detach(), one.detach(), atol=1e-3)
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


SETTINGS = {
    "ACCELERATE_MIXED_PRECISION": "bf16",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
    "ACCELERATE_DYNAMO_BACKEND": "EAGER",
    "ACCELERATE_TORCH_DEVICE": "meta",
}


def test_variables_of_accelerate_change_nothing_and_that_is_said_once(tiny_dataset, tmp_path, monkeypatch):
    tiny = ("--data", tiny_dataset, "--epochs", "2", "--max-users", "4", "--batch-users", "8", "--seed", "3")

    def weights(name):
        done = edgecsi("train", "csi-alm-light", *tiny, "--precision", "fp32", "-o", tmp_path / name)
        assert done.code == 0, done.stderr
        return done.stderr, (tmp_path / name / "model.safetensors").read_bytes()

    _, plain = weights("plain")
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    said, found = weights("set")
    assert found == plain
    assert [line for line in said.splitlines() if "ACCELERATE_" in line] == [
        f"{', '.join(sorted(SETTINGS))}: not used; what trains is what the options say"
    ]
