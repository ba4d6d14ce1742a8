import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import get_args

import h5py
import pytest
import torch

from edgecsi.channel import Dataset, write_dataset
from edgecsi.cli.distill import command
from edgecsi.distill.stage import distill, make_targets
from edgecsi.distill.task import DistillOptions, DistillTask
from edgecsi.errors import ModelError
from edgecsi.models import build_network, load, load_config
from edgecsi.pipeline.profiles import Distilled
from edgecsi.training.stage import TrainingData, config_of, work_folder

HEADS = DistillOptions(heads=16)


STUDENTS = get_args(Distilled)


def test_the_verb_offers_the_students_that_the_main_job_does():
    (option,) = (option for option in command.params if option.name == "student")
    assert tuple(option.type.choices) == STUDENTS


@pytest.mark.parametrize("name", STUDENTS)
def test_teacher_to_student(teacher_folder, noisy, options, tmp_path, name):
    distill(teacher_folder, noisy, replace(options, epochs=4), HEADS, tmp_path / "student", name)
    config = load_config(tmp_path / "student")
    assert (config.name, config.backbone) == (name, None)
    student = load(tmp_path / "student")
    assert sum(parameter.numel() for parameter in student.parameters()) == 348_596
    log = json.loads((tmp_path / "student" / "log.json").read_text())
    assert [row["epoch"] for row in log] == [1, 2, 3, 4]
    assert log[-1]["nmse"] < log[0]["nmse"]
    assert log[-1]["attention"] < log[0]["attention"]
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


def test_joint_loss_is_the_weighted_sum(teacher, open_source):
    torch.manual_seed(0)
    with open_source() as source:
        student = build_network(config_of("csi-alm-light", source.dataset.path, seed=0))
        batch = next(source.training_batches(0, 0, 1))
        with torch.no_grad():
            task = DistillTask(
                student,
                lambda batch: teacher.predict(batch.history, relations=True).relations,
                DistillOptions(weight=0.3, heads=16, scope="all"),
                "nmse",
            )
            parts = task(batch)
    assert parts["loss"].item() == pytest.approx(parts["nmse"].item() + 0.3 * parts["attention"].item())
    assert parts["attention"] > 0


def test_relation_heads_that_do_not_divide_end_before_the_training(teacher_folder, noisy, options, tmp_path):
    with pytest.raises(ModelError, match=r"12 relation heads don't divide .* choose a divisor of 32"):
        distill(teacher_folder, noisy, options, DistillOptions(heads=12), tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_targets_are_made_once_and_again_for_other_data(teacher_folder, noisy, options, tmp_path):
    path = tmp_path / "targets.h5"

    def made(data):
        make_targets(teacher_folder, data, options, path)
        return path.stat().st_ino

    first = made(noisy)
    assert made(noisy) == first
    other = replace(noisy, augmentation=replace(noisy.augmentation, seed=4))
    assert made(other) != first


def test_damaged_targets_are_made_again(teacher_folder, noisy, options, tmp_path):
    path = tmp_path / "targets.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n and nothing more")
    make_targets(teacher_folder, noisy, options, path)
    with h5py.File(path) as file:
        assert set(file) == {"users", "query", "key", "value"}


def other_dataset(source, path, antennas, duplex):
    """The first antennas of a dataset."""
    with Dataset.open(source) as dataset:
        info = dataset.info.model_copy(update={"duplex": duplex})
        with write_dataset(path, info, replace(dataset.shape, antennas=antennas), len(dataset)) as writer:
            every = slice(None)
            history, future = (read(every)[:, :antennas] for read in (dataset.history, dataset.future))
            writer.write(0, history, future, dataset.speed_kmh, dataset.drop)
    return TrainingData(path)


def test_a_teacher_of_another_shape_is_told(teacher_folder, tiny_dataset, options, tmp_path):
    data = other_dataset(tiny_dataset, tmp_path / "few.h5", antennas=8, duplex="tdd")
    with pytest.raises(ModelError, match=r"the teacher predicts .*antennas=32.*few.h5 holds .*antennas=8"):
        distill(teacher_folder, data, options, HEADS, tmp_path / "student")


def test_a_teacher_of_another_duplex_mode_is_told(teacher_folder, tiny_dataset, options, tmp_path):
    data = other_dataset(tiny_dataset, tmp_path / "fdd.h5", antennas=32, duplex="fdd")
    with pytest.raises(ModelError, match=r"the teacher predicts tdd, but .*fdd.h5 is fdd"):
        distill(teacher_folder, data, options, HEADS, tmp_path / "student")


def test_killed_while_the_targets_are_written(teacher_folder, noisy, options, tmp_path):
    student = tmp_path / "student"
    work = work_folder(student)
    command = [sys.executable, "-m", "edgecsi", "distill", "--teacher", teacher_folder, "--data", noisy.path]
    running = subprocess.Popen([*map(str, command), "-o", str(student)], stderr=subprocess.DEVNULL)
    wait_for(lambda: any(file.stat().st_size for file in work.glob(".targets.h5.*.tmp")), running)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not (work / "targets.h5").exists()
    distill(teacher_folder, noisy, options, HEADS, student)
    assert load(student).shape == load(teacher_folder).shape
    assert not work.exists()


def wait_for(happened, process):
    while not happened():
        assert process.poll() is None, "it ended before what was waited for"
        time.sleep(0.01)
