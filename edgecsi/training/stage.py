"""From a dataset file to a model folder: what `train` and `distill` share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgecsi.channel import Dataset, split
from edgecsi.errors import ModelError
from edgecsi.files import sha256_file
from edgecsi.models.folder import ModelConfig, build_network, load_like, save
from edgecsi.training.batches import Augmentation, BatchSource
from edgecsi.training.loop import TrainOptions, fit
from edgecsi.training.processes import process_group
from edgecsi.training.rounding import round_activations


@dataclass(frozen=True)
class TrainingData:
    """Which dataset, how many of its training users at most (None: all), and their augmentation.

    The split by drop is the same everywhere, so no network ever trains on a test user.
    """

    path: Path
    max_users: int | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)

    @contextmanager
    def open(self, batch_users: int, batch_antennas: int) -> Iterator[BatchSource]:
        """A batch source over the training and validation users of the dataset."""
        with Dataset.open(self.path) as dataset:
            antennas = dataset.shape.antennas
            if antennas % batch_antennas:
                raise ModelError(f"--batch-antennas {batch_antennas} must divide the {antennas} antennas")
            users = split(dataset)
            train = _some(users.train, self.max_users, self.augmentation.seed)
            validation = _some(
                users.val, self.max_users and max(8, self.max_users // 5), self.augmentation.seed
            )
            yield BatchSource(dataset, train, validation, batch_users, batch_antennas, self.augmentation)


def train_network(
    config: ModelConfig,
    make_task: Callable[[nn.Module], nn.Module],
    data: TrainingData,
    options: TrainOptions,
    folder: Path,
    task_key: str = "",
) -> None:
    """Train a new network of `config` through `make_task(network)` and write it as a model folder.

    The checkpoint lives in :func:`work_folder` until the model folder is written, so that a killed run
    continues where it was. task_key: whatever the task depends on beyond config, data and options.
    """
    state = process_group()
    torch.manual_seed(options.seed)
    network, origin = _first_network(config, options.start_from)
    network = network.to(state.device)
    if options.activation_bits:
        round_activations(network, options.activation_bits)
    work = work_folder(folder)
    with data.open(options.batch_users, options.batch_antennas) as source:
        key = repr(
            (config.model_dump_json(), data.max_users, data.augmentation, source.dataset.digest, origin)
        )
        best, log = fit(config.name, make_task(network), network, source, options, work, key + task_key)
    if state.is_main_process:
        save(folder, config, best, log)
        shutil.rmtree(work)
    state.wait_for_everyone()


def _first_network(config: ModelConfig, start_from: Path | None) -> tuple[nn.Module, str | None]:
    """The network to train, and the digest of the weights that it starts with if they are not new."""
    if start_from is None:
        return build_network(config), None
    return load_like(config, start_from).train(), sha256_file(start_from / "model.safetensors")


def work_folder(folder: Path) -> Path:
    """Where a training that writes `folder` keeps what it needs to resume."""
    return folder.with_name(f".{folder.name}.work")


def config_of(
    name: str, dataset_path: Path, seed: int, backbone: str | None = None, folder: Path | None = None
) -> ModelConfig:
    """The config of a new network that fits a dataset."""
    with Dataset.open(dataset_path) as dataset:
        return ModelConfig(
            name=name,
            shape=dataset.shape,
            duplex=dataset.info.duplex,
            step_s=dataset.info.step_s,
            backbone=backbone,
            backbone_folder=folder,
            seed=seed,
        )


def _some(users: np.ndarray, count: int | None, seed: int) -> np.ndarray:
    if count is None or count >= len(users):
        return users
    return np.sort(np.random.default_rng(seed).permutation(users)[:count])
