"""Fine-tunes trained models on a part of QuaDRiGa's speed blocks, for the table `fine-tune`.

    python benchmarks/fine_tune.py --quadriga uma_nlos_900.npz --models build/reference

Every model folder in MODELS/tdd, or those in `--names`, is continued on the training blocks with the noise of
benchmarks/train_baselines.py and written to MODELS/fine-tune/tdd. What is there already is kept. The licence
of the channels is non-commercial: these weights are for the table and are never shipped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import torch
from quadriga import write_quadriga
from train_baselines import fit_batches
from training_recipe import equal_options
from training_record import users_of, write_record

from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.models import load_config
from edgecsi.progress import say
from edgecsi.training import NetworkChoice, TrainOptions
from edgecsi.training.options import Objective
from edgecsi.training.train import train_network


def fine_tune(source: Path, data: Path, options: TrainOptions, folder: Path) -> None:
    """Continue the model of `source` on a dataset and write it to `folder`."""
    config = load_config(source)
    options = fit_batches(config.name, options, config.radio)
    told = options.model_dump(mode="json") | {"start_from": source.name}
    write_record(folder, options=told, **users_of(data, options.max_users))
    choice = NetworkChoice(
        network=config.name,
        network_options=config.options,
        backbone=config.backbone,
        backbone_folder=config.backbone_folder,
    )
    train_network(choice, data, options, folder)


def main() -> None:
    """Every model, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quadriga", type=Path, required=True, help="archive of QuaDRiGa channels")
    parser.add_argument("--models", type=Path, default=Path("build/reference"))
    parser.add_argument("--names", nargs="+", help="model folders; default: all in MODELS/tdd")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--objective", choices=get_args(Objective), default="log-nmse")
    parser.add_argument("--cache", type=Path, default=Path("build/tables"), help="where the dataset is kept")
    parser.add_argument("--threads", type=int, help="of PyTorch")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    data = arguments.cache / "quadriga.h5"
    if not data.exists():
        write_quadriga(arguments.quadriga, data, DataOptions().radio)
    found = sorted(path.parent for path in (arguments.models / "tdd").glob("*/config.json"))
    for source in found:
        folder = arguments.models / "fine-tune" / "tdd" / source.name
        if arguments.names and source.name not in arguments.names:
            continue
        if (folder / "config.json").is_file():
            say(f"{folder} is there")
            continue
        options = equal_options(
            arguments.epochs,
            learning_rate=arguments.learning_rate,
            objective=arguments.objective,
            start_from=source,
        )
        fine_tune(source, data, options, folder)


if __name__ == "__main__":
    main()
