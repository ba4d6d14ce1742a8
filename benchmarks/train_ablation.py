"""Trains the models of the tables `ablation` and `choice`: teachers, and students with and without one.

    python benchmarks/train_ablation.py --duplex tdd --teacher build/reference/tdd/csi-alm --data TDD.h5
    python benchmarks/train_ablation.py --collection choice --teachers --seeds 0 1 --epochs 6 \
        --noise-draws 3 --teacher edgecsi/models/shipped_models/csi-alm-tdd --data TDD.h5

Teachers: the LLM's weights drawn at random, and no LLM; else as train_reference.py trains the reference
teacher with `--budget`. Students: no distillation, distillation, and variants of its relations; every variant
gets the same epochs and learning rate and, for a seed, the same users, noise and first weights, so that the
teacher runs over the data once per seed. What is there already is kept. `choice` is what distillation's
options and the range of the noise are chosen by, on validation users.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import torch
from channels import DUPLEXES
from train_reference import BUDGETS, STUDENT, TEACHER, steps_of, train_steps
from training_recipe import equal_options
from training_record import users_of, write_record

from edgecsi.distill.distill import train_student
from edgecsi.distill.options import DistillOptions
from edgecsi.distill.targets import make_targets
from edgecsi.progress import say
from edgecsi.training import NetworkChoice, TrainOptions
from edgecsi.training.options import ExampleOptions, Objective
from edgecsi.training.train import train_network

TEACHERS = {"csi-alm-random": "smollm2:random", "csi-alm-no-llm": "smollm2:none"}  # folder -> backbone


@dataclass(frozen=True)
class Variant:
    """What differs from the options that the command line gives.

    distillation: of DistillOptions; None: no distillation. noise: of TrainOptions.
    """

    distillation: dict[str, Any] | None = None
    noise: dict[str, Any] = field(default_factory=dict)


ABLATION = {
    "direct": Variant(),
    "distilled": Variant({}),
    "qq": Variant({"relation_parts": ("query",)}),
    "kk": Variant({"relation_parts": ("key",)}),
    "vv": Variant({"relation_parts": ("value",)}),
    "scope-all": Variant({"relation_scope": "all"}),
    "weight-0.01": Variant({"weight": 0.01}),
    "weight-1": Variant({"weight": 1.0}),
    "heads-8": Variant({"relation_heads": 8}),
}
CHOICE = {
    **{
        name: ABLATION[name]
        for name in ("direct", "distilled", "weight-0.01", "weight-1", "heads-8", "scope-all")
    },
    "snr-0-30": Variant(noise={"snr_db": (0.0, 30.0)}),
    "snr-10-20": Variant(noise={"snr_db": (10.0, 20.0)}),
    "never-clean": Variant(noise={"clean_share": 0.0}),
}
COLLECTIONS = {"ablation": ABLATION, "choice": CHOICE}


def train(variant: Variant, data: Path, options: DistillOptions, targets: Path, folder: Path) -> None:
    """One student; the targets are those of the teacher for these data and options."""
    if (folder / "config.json").is_file():
        say(f"{folder} is there")
        return
    distils = variant.distillation is not None
    options = options.model_copy(update=variant.noise | (variant.distillation or {}))
    used = options if distils else TrainOptions.part_of(options)
    write_record(folder, options=used.model_dump(mode="json"), **users_of(data, options.max_users))
    choice = NetworkChoice(network=STUDENT)
    if distils:
        train_student(targets, choice, data, options, folder)
    else:
        train_network(choice, data, used, folder)


def main() -> None:
    """Every variant with every seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--data", type=Path, required=True, help="dataset")
    parser.add_argument("--duplex", choices=DUPLEXES, default="tdd")
    parser.add_argument("--collection", choices=list(COLLECTIONS), default="ablation")
    parser.add_argument("--variants", nargs="+", help="default: all of the collection")
    parser.add_argument("--teachers", nargs="*", choices=list(TEACHERS), default=list(TEACHERS))
    parser.add_argument("--budget", choices=list(BUDGETS), default="two-cores", help="of the teachers")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--users", type=int, default=720, help="that train students; 720 is a tenth of the papers' 7200"
    )
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--objective", choices=get_args(Objective), default="log-nmse")
    parser.add_argument("--weight", type=float, default=0.1, help="of the relation loss (lambda 2)")
    parser.add_argument("--relation-heads", type=int, default=32)
    parser.add_argument("--noise-draws", type=int, default=4, help="different noise per user")
    parser.add_argument("--cache", type=Path, default=Path("build/tables"), help="where targets are kept")
    parser.add_argument("--threads", type=int, help="of PyTorch")
    parser.add_argument("-o", "--models", type=Path, default=Path("build/reference"))
    arguments = parser.parse_args()
    if unknown := set(arguments.variants or ()) - set(COLLECTIONS[arguments.collection]):
        parser.error(f"no variant of {arguments.collection}: {', '.join(sorted(unknown))}")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    collection = COLLECTIONS[arguments.collection]
    variants = {name: collection[name] for name in arguments.variants or collection}
    place = arguments.models / arguments.collection / arguments.duplex
    for name in arguments.teachers:
        steps = steps_of(TEACHER, arguments.duplex, arguments.budget)
        steps = [step.changed({"teacher.backbone": TEACHERS[name]}) for step in steps]
        train_steps(steps, place / name, arguments.cache, data=arguments.data)
    alike = equal_options(
        arguments.epochs,
        learning_rate=arguments.learning_rate,
        objective=arguments.objective,
        max_users=arguments.users,
        noise_draws=arguments.noise_draws,
    )
    distillation = {"weight": arguments.weight, "relation_heads": arguments.relation_heads}
    for seed in arguments.seeds:
        options = DistillOptions.part_of(alike, **distillation, seed=seed)
        targets = arguments.cache / f"targets-{arguments.duplex}-{seed}.h5"
        if any(variant.distillation is not None for variant in variants.values()):
            arguments.cache.mkdir(parents=True, exist_ok=True)
            make_targets(arguments.teacher, arguments.data, ExampleOptions.part_of(options), targets)
        for name, variant in variants.items():
            folder = place / f"{STUDENT}-{name}-{seed}"
            train(variant, arguments.data, options, targets, folder)


if __name__ == "__main__":
    main()
