from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from torch import nn

from edgecsi.distill.options import DistillOptions
from edgecsi.models import load
from edgecsi.training import NetworkChoice, TrainOptions
from edgecsi.training.batches import BatchSource, open_source
from edgecsi.training.train import train_network


@pytest.fixture(scope="session")
def options() -> DistillOptions:
    """A short distillation of four users in two noise draws; 16 heads divide the random backbone's widths."""
    return DistillOptions(
        epochs=2,
        batch_users=8,
        max_users=4,
        snr_db=(5.0, 20.0),
        noise_draws=2,
        seed=3,
        relation_heads=16,
    )


@pytest.fixture(scope="session")
def teacher_folder(tiny_dataset, options, tmp_path_factory) -> Path:
    """A CSI-ALM over the random backbone, trained for two short epochs."""
    folder = tmp_path_factory.mktemp("teacher") / "teacher"
    choice = NetworkChoice(network="csi-alm", backbone="random")
    train_network(choice, tiny_dataset, TrainOptions.part_of(options), folder)
    return folder


@pytest.fixture(scope="session")
def teacher(teacher_folder) -> nn.Module:
    """The network of `teacher_folder`, in evaluation mode; not to be changed."""
    return load(teacher_folder)


@pytest.fixture
def open_noisy(tiny_dataset, options) -> Callable[[], AbstractContextManager[BatchSource]]:
    """Open the batch source of the noisy data."""
    torch.manual_seed(0)
    return lambda: open_source(tiny_dataset, options, 8)
