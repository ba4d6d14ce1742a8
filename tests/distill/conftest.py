from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from torch import nn

from edgecsi.models import load
from edgecsi.training import Augmentation, BatchSource, TrainOptions
from edgecsi.training.csi_alm import train_teacher
from edgecsi.training.stage import TrainingData

NOISE = Augmentation((5.0, 20.0), draws=2, seed=3)


@pytest.fixture(scope="session")
def noisy(tiny_dataset) -> TrainingData:
    """Four training users in two noise draws."""
    return TrainingData(tiny_dataset, max_users=4, augmentation=NOISE)


@pytest.fixture(scope="session")
def options() -> TrainOptions:
    """A short training of the student."""
    return TrainOptions(epochs=2, batch_users=8, batch_antennas=8, learning_rate=3e-3)


@pytest.fixture(scope="session")
def teacher_folder(noisy, options, tmp_path_factory) -> Path:
    """A CSI-ALM over the random backbone, trained for two short epochs."""
    folder = tmp_path_factory.mktemp("teacher") / "teacher"
    train_teacher(noisy, "random", None, options, folder)
    return folder


@pytest.fixture(scope="session")
def teacher(teacher_folder) -> nn.Module:
    """The network of `teacher_folder`, in evaluation mode; not to be changed."""
    return load(teacher_folder)


@pytest.fixture
def open_source(noisy) -> Callable[[], AbstractContextManager[BatchSource]]:
    """Open the batch source of the noisy data."""
    torch.manual_seed(0)
    return lambda: noisy.open(batch_users=8, batch_antennas=8)
