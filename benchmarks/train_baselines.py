"""Trains the rows of the tables that have no script of their own; continues where it was stopped.

    python benchmarks/train_baselines.py --duplex tdd --networks lstm gru cnn --users 2400 --epochs 50
    python benchmarks/train_baselines.py --collection few-shot --users 720 --seeds 0 1 2

All networks get the same users, epochs, noise and search: the learning rate with the best validation after a
fifth of the epochs. Channels are drawn by TR 38.901 (UMa NLoS, 10-100 km/h), or given by `--data`. The
student without distillation is called `csi-alm-light-direct`. What is there already is kept. Beside each
model folder stands `<folder>.json`: how and on which machine it was trained.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from channels import DUPLEXES, channels
from predictors import table_networks
from training_recipe import DATA_SEED, NOISE, equal_options
from training_record import users_of, write_record

from edgecsi.channel import Dataset
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.models import NETWORKS
from edgecsi.progress import say
from edgecsi.radio import Duplex, RadioSetting
from edgecsi.training import NetworkChoice, TrainOptions
from edgecsi.training.options import Objective
from edgecsi.training.train import train_network

TRAINING_SHARE = 0.8  # of a dataset's users
FOLDERS = {"csi-alm-light": "csi-alm-light-direct"}  # network -> its folder, where it isn't its name


@dataclass(frozen=True)
class Plan:
    """What every network gets alike. rates: the learning rates to be searched."""

    data: Path
    options: TrainOptions
    rates: tuple[float, ...]
    backbone: str


def train(name: str, seed: int, plan: Plan, folder: Path) -> None:
    """Search the learning rate, train, and write the model folder and its record."""
    if (folder / "config.json").is_file():
        say(f"{folder} is there")
        return
    found = search(name, seed, plan, folder.with_name(f".{folder.name}.search"))
    options = plan.options.model_copy(update={"learning_rate": min(found, key=found.get), "seed": seed})
    write_record(  # before the training, so that a killed one is recorded too
        folder,
        options=options.model_dump(mode="json"),
        validation_db_by_learning_rate={f"{rate:g}": value for rate, value in found.items()},
        **users_of(plan.data, options.max_users),
    )
    run(name, plan, options, folder)
    shutil.rmtree(folder.with_name(f".{folder.name}.search"), ignore_errors=True)


def search(name: str, seed: int, plan: Plan, folder: Path) -> dict[float, float | None]:
    """Learning rate -> best validation in dB of a short training; nothing to search among one."""
    if len(plan.rates) == 1:
        return {plan.rates[0]: None}
    found = {}
    for rate in plan.rates:
        place = folder / f"{rate:g}"
        short = {"epochs": -(-plan.options.epochs // 5), "learning_rate": rate, "seed": seed}
        if not (place / "config.json").is_file():
            run(name, plan, plan.options.model_copy(update=short), place)
        log = json.loads((place / "log.json").read_text())
        found[rate] = min(entry["validation_nmse_mean_db"] for entry in log)
    return found


def run(name: str, plan: Plan, options: TrainOptions, folder: Path) -> None:
    """One training."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    backbone = plan.backbone if NETWORKS.get(name).backbone else None
    with Dataset.open(plan.data) as dataset:
        options = fit_batches(name, options, dataset.radio)
    train_network(NetworkChoice(network=name, backbone=backbone), plan.data, options, folder)


def fit_batches(name: str, options: TrainOptions, radio: RadioSetting) -> TrainOptions:
    """As many antennas at once as the network needs, with as many rows in a batch as asked for."""
    if not NETWORKS.get(name).requires_array:
        return options
    rows, antennas = options.batch_users * options.batch_antennas, radio.antennas
    return options.model_copy(update={"batch_antennas": antennas, "batch_users": max(1, rows // antennas)})


def dataset(arguments: argparse.Namespace, duplex: Duplex) -> Path:
    """The given dataset, or one with enough users drawn into the cache."""
    if arguments.data:
        return arguments.data
    drawn = -(-int(arguments.users / TRAINING_SHARE) // 10) * 10  # whole drops
    return channels(arguments.cache, DataOptions(duplex=duplex, seed=DATA_SEED, users=drawn))


def main() -> None:
    """Every network in every duplex mode with every seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    small = [row.name for row in table_networks() if not row.backbone]
    names = [row.name for row in table_networks()]
    parser.add_argument("--networks", nargs="+", choices=names, default=small, help="default: without an LLM")
    parser.add_argument("--duplex", nargs="+", choices=DUPLEXES, default=list(DUPLEXES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--users", type=int, default=720, help="that train")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[3e-4, 1e-3, 3e-3])
    parser.add_argument("--objective", choices=get_args(Objective), default="log-nmse")
    parser.add_argument("--batch-users", type=int, default=16)
    parser.add_argument("--batch-antennas", type=int, default=8)
    parser.add_argument(
        "--noise-draws", type=int, default=NOISE["noise_draws"], help="different noise per user"
    )
    parser.add_argument("--backbone", default="smollm2", help="of networks that stand on an LLM")
    parser.add_argument("--data", type=Path, help="dataset to train on, of the one duplex mode")
    parser.add_argument("--cache", type=Path, default=Path("build/tables"), help="where channels are kept")
    parser.add_argument("--collection", default="", help="few-shot, ablation; default: the main tables")
    parser.add_argument("--threads", type=int, help="of PyTorch")
    parser.add_argument("-o", "--models", type=Path, default=Path("build/reference"))
    arguments = parser.parse_args()
    if arguments.data and len(arguments.duplex) > 1:
        parser.error("--data is of one duplex mode: say which with --duplex")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    options = equal_options(
        arguments.epochs,
        batch_users=arguments.batch_users,
        batch_antennas=arguments.batch_antennas,
        objective=arguments.objective,
        max_users=arguments.users,
        noise_draws=arguments.noise_draws,
    )
    for duplex in arguments.duplex:
        rates = tuple(arguments.learning_rates)
        plan = Plan(dataset(arguments, duplex), options, rates, arguments.backbone)
        for seed in arguments.seeds:
            for name in arguments.networks:
                stem = FOLDERS.get(name, name)
                numbered = f"{stem}-{seed}" if arguments.seeds != [0] else stem
                train(name, seed, plan, arguments.models / arguments.collection / duplex / numbered)


if __name__ == "__main__":
    main()
