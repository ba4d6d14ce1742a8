"""The distillation stage: teacher targets once, then the student."""

from __future__ import annotations

from pathlib import Path

import h5py

from edgecsi.channel import Dataset
from edgecsi.distill.relations import check_heads
from edgecsi.distill.targets import Targets, write_targets
from edgecsi.distill.task import DistillOptions, DistillTask
from edgecsi.errors import ModelError
from edgecsi.files import sha256_file
from edgecsi.models.folder import load, load_config
from edgecsi.training.loop import TrainOptions
from edgecsi.training.processes import process_group
from edgecsi.training.stage import TrainingData, config_of, train_network, work_folder

STUDENT = "csi-alm-light"
STUDENT_WIDTH = 128


def distill(
    teacher: Path,
    data: TrainingData,
    options: TrainOptions,
    distillation: DistillOptions,
    folder: Path,
    student: str = STUDENT,
) -> None:
    """Distil the teacher of a model folder into a student with relations, written as a model folder.

    The targets are kept beside the checkpoint until the student is done; a run that was killed reuses them.
    """
    targets = work_folder(folder) / "targets.h5"
    with process_group().main_process_first():
        make_targets(teacher, data, options, targets)
    train_student(targets, data, options, distillation, folder, student)


def make_targets(teacher: Path, data: TrainingData, options: TrainOptions, path: Path) -> None:
    """Write the teacher's targets for these data, unless `path` already holds them.

    options: of the student's training; only its `batch_antennas` matters here.
    """
    config = load_config(teacher)
    weights = sha256_file(teacher / "model.safetensors")
    with Dataset.open(data.path) as dataset:
        _check_fit(config.shape, config.duplex, dataset)
    with data.open(batch_users=1, batch_antennas=options.batch_antennas) as source:
        key = repr(
            (weights, data.max_users, data.augmentation, options.batch_antennas, source.dataset.digest)
        )
        if _key_of(path) != key:
            network = load(teacher).to(process_group().device)
            write_targets(path, network, source, key)


def train_student(
    targets: Path,
    data: TrainingData,
    options: TrainOptions,
    distillation: DistillOptions,
    folder: Path,
    student: str = STUDENT,
) -> None:
    """Train the student on a dataset and its targets; ModelError where the relation heads don't divide."""
    with Targets(targets) as reader:
        widths = dict.fromkeys(reader.widths, STUDENT_WIDTH)
        check_heads(distillation.heads, teacher=reader.widths, student=widths)
        train_network(
            config_of(student, data.path, options.seed),
            lambda network: DistillTask(network, reader.relations, distillation, options.objective),
            data,
            options,
            folder,
            task_key=repr((distillation, reader.key)),
        )


def _check_fit(shape: object, duplex: str, dataset: Dataset) -> None:
    if shape != dataset.shape:
        raise ModelError(f"the teacher predicts {shape}, but {dataset.path} holds {dataset.shape}")
    if duplex != dataset.info.duplex:
        raise ModelError(f"the teacher predicts {duplex}, but {dataset.path} is {dataset.info.duplex}")


def _key_of(path: Path) -> str | None:
    try:
        with h5py.File(path, "r") as file:
            return file.attrs["key"]
    except (OSError, KeyError):
        return None
