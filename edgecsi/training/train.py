"""From a dataset file to a model folder: every network, with a teacher or without."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import nn

from edgecsi.channel import Dataset
from edgecsi.errors import ModelError
from edgecsi.files import sha256_file
from edgecsi.logs import LOGGER
from edgecsi.models.backbones import find_backbone
from edgecsi.models.folder import WEIGHTS_FILE, ModelConfig, build_network, load_config, load_like, save
from edgecsi.models.network import NETWORKS
from edgecsi.radio import RadioSetting, TrainedRange, require_same_radio
from edgecsi.training.batches import BatchSource, open_source
from edgecsi.training.loop import fit
from edgecsi.training.loss import NmseLoss
from edgecsi.training.options import NetworkChoice, TrainOptions
from edgecsi.training.processes import process_group
from edgecsi.training.rounding import round_activations

BACKBONE = "smollm2"  # of a network that stands on an LLM, unless another is asked for
SPEED_STEP_KMH = 10  # the trained range of speeds is told in multiples of this

MakeLoss = Callable[[nn.Module, BatchSource], nn.Module]


def train_network(choice: NetworkChoice, data: Path, options: TrainOptions, folder: Path) -> None:
    """Train a new network on a dataset, without a teacher, and write it as a model folder.

    A run that was killed continues where it was. ModelError, RadioMismatch or DataError, in one line, where
    the network can't be had or does not fit the data.
    """
    fit_network(choice, data, options, folder, lambda network, _: NmseLoss(network, options.objective))


def fit_network(
    choice: NetworkChoice,
    data: Path,
    options: TrainOptions,
    folder: Path,
    make_loss: MakeLoss,
    more_key: str = "",
) -> None:
    """Train a new network through `make_loss(network, source)` and write it as a model folder.

    The checkpoint lives in :func:`work_folder` until the model folder is written. more_key: whatever the loss
    depends on beyond network, data and options.
    """
    row = NETWORKS.get(choice.network)
    options = options.settled(row.backbone)
    state = process_group()
    work = work_folder(folder)
    with open_source(data, options, options.batch_users, row.requires_array) as source:
        if row.task != source.task.name:
            raise ModelError(f"{row.name} is for task {row.task}, but {data} holds task {source.task.name}")
        trained = trained_range(source)
        asked = row.options_for(source.dataset.radio, trained.speed_kmh[1])
        choice = choice.model_copy(update={"network_options": {**asked, **choice.network_options}})
        config = new_config(choice, source.dataset.radio, options.seed)
        config.trained = trained
        torch.manual_seed(options.seed)
        network, origin = _first_network(config, source.dataset, options)
        network = network.to(state.device)
        if options.activation_bits:
            round_activations(network, options.activation_bits)
        key = repr((config.model_dump_json(), source.dataset.digest, origin, more_key))
        best, log = fit(row.name, make_loss(network, source), network, source, options, work, key)
    if state.is_main_process:
        save(folder, config, best, log)
        shutil.rmtree(work)
    state.wait_for_everyone()


def new_config(choice: NetworkChoice, radio: RadioSetting, seed: int = 0) -> ModelConfig:
    """The config of a new network for a radio setting; reads no weights.

    ModelError, in one line, where the network can't do it or its backbone can't be had.
    """
    row = NETWORKS.get(choice.network)
    if why := row.cannot(radio):
        raise ModelError(f"{row.name} {why}")
    if not row.backbone and (choice.backbone or choice.backbone_folder):
        raise ModelError(f"{row.name} stands on no backbone")
    backbone = (choice.backbone or BACKBONE) if row.backbone else None
    folder = choice.backbone_folder and choice.backbone_folder.resolve()  # the model folder refers to it
    if backbone:
        find_backbone(backbone, folder)
    try:
        return ModelConfig(
            name=row.name,
            radio=radio,
            options=choice.network_options,
            backbone=backbone,
            backbone_folder=folder,
            seed=seed,
        )
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        known = ", ".join(row.options.model_fields) or "none"
        raise ModelError(f"{row.name}: network option {said}; its options: {known}") from None


def trained_range(source: BatchSource) -> TrainedRange:
    """What a network that trains on these is made for: speeds, rounded outward, SNR of the added noise."""
    speeds = source.dataset.speed_kmh[source.train] / SPEED_STEP_KMH
    snr_db = source.augmentation.snr_db
    return TrainedRange(
        speed_kmh=(
            math.floor(float(speeds.min())) * SPEED_STEP_KMH,
            math.ceil(float(speeds.max())) * SPEED_STEP_KMH,
        ),
        snr_db=(snr_db, snr_db) if isinstance(snr_db, int | float) else snr_db,
    )


def _first_network(
    config: ModelConfig, dataset: Dataset, options: TrainOptions
) -> tuple[nn.Module, str | None]:
    """The network to train, and the digest of the weights that it starts with if they are not new."""
    start = options.start_from
    if start is None:
        return build_network(config), None
    for line in require_same_radio(
        load_config(start).radio,
        f"the network {start}",
        dataset.radio,
        str(dataset.path),
        ways="train a new one on such channels",
        accept=options.accept_radio_mismatch,
    ):
        LOGGER.warning(f"accepted: {line}")
    network = load_like(config, start, accept_radio_mismatch=True)
    return network.train(), sha256_file(start / WEIGHTS_FILE)


def work_folder(folder: Path) -> Path:
    """Where a training that writes `folder` keeps what it needs to resume."""
    return folder.with_name(f".{folder.name}.work")
