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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from channels import DUPLEXES, Duplex, channels
from training_recipe import CLEAN_SHARE, DATA_SEED, NEW_EVERY_EPOCH, SNR_DB, equal_options, noise
from training_record import users_of, write_record

from edgecsi.channel.tr38901 import SHAPE, Recipe
from edgecsi.models.folder import LLM_BACKED
from edgecsi.progress import say
from edgecsi.training import TrainOptions
from edgecsi.training.direct import NAMES, train_direct
from edgecsi.training.stage import TrainingData

TRAINING_SHARE = 0.8  # of a dataset's users
FOLDERS = {"csi-alm-light": "csi-alm-light-direct"}  # network -> its folder, where it isn't its name
WHOLE_ARRAY = ("csi-alm-light-ad",)  # networks that see all antennas at once


@dataclass(frozen=True)
class Plan:
    """What every network gets alike. rates: the learning rates to be searched; users: None for all."""

    data: Path
    users: int | None
    options: TrainOptions
    rates: tuple[float, ...]
    draws: int
    backbone: str

    def training_data(self, seed: int) -> TrainingData:
        """The same users for every seed, in other noise."""
        return TrainingData(self.data, self.users, noise(self.draws, seed))


def train(name: str, seed: int, plan: Plan, folder: Path) -> None:
    """Search the learning rate, train, and write the model folder and its record."""
    if (folder / "config.json").is_file():
        say(f"{folder} is there")
        return
    found = search(name, seed, plan, folder.with_name(f".{folder.name}.search"))
    options = replace(plan.options, learning_rate=min(found, key=found.get), seed=seed)
    write_record(  # before the training, so that a killed one is recorded too
        folder,
        options=asdict(options),
        validation_db_by_learning_rate={f"{rate:g}": value for rate, value in found.items()},
        noise={"snr_db": SNR_DB, "clean_share": CLEAN_SHARE, "draws": plan.draws},
        **users_of(plan.data, plan.users),
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
        short = replace(plan.options, epochs=-(-plan.options.epochs // 5), learning_rate=rate, seed=seed)
        if not (place / "config.json").is_file():
            run(name, plan, short, place)
        log = json.loads((place / "log.json").read_text())
        found[rate] = min(entry["validation_nmse_mean_db"] for entry in log)
    return found


def run(name: str, plan: Plan, options: TrainOptions, folder: Path) -> None:
    """One training."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    backbone = plan.backbone if name in LLM_BACKED else None
    train_direct(name, plan.training_data(options.seed), fit_batches(name, options), folder, backbone)


def fit_batches(name: str, options: TrainOptions) -> TrainOptions:
    """As many antennas at once as the network needs, with as many rows in a batch as asked for."""
    if name not in WHOLE_ARRAY:
        return options
    rows = options.batch_users * options.batch_antennas
    return replace(options, batch_antennas=SHAPE.antennas, batch_users=max(1, rows // SHAPE.antennas))


def dataset(arguments: argparse.Namespace, duplex: Duplex) -> Path:
    """The given dataset, or one with enough users drawn into the cache."""
    if arguments.data:
        return arguments.data
    drawn = -(-int(arguments.users / TRAINING_SHARE) // 10) * 10  # whole drops
    return channels(arguments.cache, Recipe(duplex=duplex, seed=DATA_SEED), drawn)


def main() -> None:
    """Every network in every duplex mode with every seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NAMES, default=[n for n in NAMES if n != "llm4cp"])
    parser.add_argument("--duplex", nargs="+", choices=DUPLEXES, default=list(DUPLEXES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--users", type=int, default=720, help="that train")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[3e-4, 1e-3, 3e-3])
    parser.add_argument("--objective", choices=["nmse", "log-nmse"], default="log-nmse")
    parser.add_argument("--batch-users", type=int, default=16)
    parser.add_argument("--batch-antennas", type=int, default=8)
    parser.add_argument("--noise-draws", type=int, default=NEW_EVERY_EPOCH, help="different noise per user")
    parser.add_argument("--backbone", default="smollm2", help="of llm4cp")
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
    )
    for duplex in arguments.duplex:
        data = dataset(arguments, duplex)
        plan = Plan(
            data,
            arguments.users,
            options,
            tuple(arguments.learning_rates),
            arguments.noise_draws,
            arguments.backbone,
        )
        for seed in arguments.seeds:
            for name in arguments.networks:
                stem = FOLDERS.get(name, name)
                numbered = f"{stem}-{seed}" if arguments.seeds != [0] else stem
                train(name, seed, plan, arguments.models / arguments.collection / duplex / numbered)


if __name__ == "__main__":
    main()
