r"""Judges a trained network on test users and puts it where it is shipped, with a model card.

    edgecsi data generate --seed 1000003 --users 5000 --test-share 0.8 -o new.h5
    python benchmarks/model_card.py build/reference/tdd/csi-alm-light --data build/reference/tdd/CHANNELS.h5 \
        --test new.h5

The users' NMSE varies so much that a mean to a few tenths of a decibel takes thousands of them; without
`--test` those of the training data's split judge.
Writes edgecsi/models/shipped_models/<name>-<duplex>: config, weights (in FP16 where it stands on an LLM),
log, recipe.yaml of its training, role.json, README.md with data, training, NMSE beside the classical
predictors and limits, and its numbers as card.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from environment import environment
from predictors import sizes
from safetensors.torch import load_file, save
from training_recipe import Step, read_steps, recipe_path
from training_record import record_path, users_of

from edgecsi.channel import Dataset, split
from edgecsi.files import atomic_folder, write_json
from edgecsi.metrics import Report
from edgecsi.models import ModelConfig, load, load_config
from edgecsi.models.baselines import BASELINES, Predict
from edgecsi.models.folder import CONFIG_FILE, LOG_FILE, WEIGHTS_FILE
from edgecsi.models.shipped import FOLDER, ROLE_FILE, Role, Roles
from edgecsi.stages.recipe import RECIPE_FILE
from edgecsi.tasks import TASKS
from edgecsi.training import Augmentation
from edgecsi.training.evaluation import evaluate, network_predictor

SNR_DB = (None, 25.0, 20.0, 15.0, 10.0, 5.0)  # None: clean
NOISE_SEED = 7
VALIDATION_USERS = 40


def main() -> None:
    """Judge, then write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="dataset that it was trained on")
    parser.add_argument("--test", type=Path, help="dataset whose test users judge; default: the same")
    parser.add_argument("--users", type=int, help="test users at most")
    parser.add_argument(
        "--reference-for", nargs="*", choices=get_args(Role), help="default: as the folder that it replaces"
    )
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    config = load_config(arguments.model)
    folder = arguments.output or FOLDER / f"{config.name}-{config.radio.duplex}"
    recipe, roles = find_recipe(arguments.model, folder), roles_of(folder, arguments.reference_for)
    with atomic_folder(folder) as temporary:
        for name in (CONFIG_FILE, LOG_FILE):
            shutil.copy(arguments.model / name, temporary / name)
        weights = load_file(arguments.model / WEIGHTS_FILE)
        if config.row.backbone:
            weights = {name: weight.to(torch.float16) for name, weight in weights.items()}
        (temporary / WEIGHTS_FILE).write_bytes(save(weights))
        card = judge(temporary, arguments.data, arguments.test or arguments.data, arguments.users)
        card |= training(arguments.model, arguments.data)
        text = markdown(card, read_steps(recipe))
        write_json(temporary / "card.json", card)
        write_json(temporary / ROLE_FILE, roles.model_dump(mode="json"))
        (temporary / RECIPE_FILE).write_bytes(recipe.read_bytes())
        (temporary / "README.md").write_text(text)
    print(text)


def find_recipe(model: Path, folder: Path) -> Path:
    """The recipe beside a model, or that of the shipped folder that it replaces."""
    for path in (recipe_path(model), folder / RECIPE_FILE):
        if path.is_file():
            return path
    raise SystemExit(f"{recipe_path(model)} is missing: train the model by benchmarks/train_reference.py")


def roles_of(folder: Path, asked: Sequence[Role] | None) -> Roles:
    """What a model is the reference for: as asked, else as the folder that it replaces."""
    if asked is None and (folder / ROLE_FILE).is_file():
        return Roles.model_validate_json((folder / ROLE_FILE).read_text())
    return Roles(reference_for=tuple(asked or ()))


def judge(model: Path, data: Path, test_data: Path, max_users: int | None) -> dict[str, Any]:
    """NMSE of network and classical predictors (chosen on validation) by SNR, as JSON values."""
    config, network = load_config(model), load(model)
    counts, rows = sizes(network), []
    with Dataset.open(data) as trained_on, Dataset.open(test_data) as dataset:
        task, radio = dataset.task, dataset.radio
        baselines = [row for row in BASELINES if row.task == task.name]
        users = split(dataset)
        test, validation = users.test[:max_users], users.val[:VALIDATION_USERS]
        for snr_db in SNR_DB if task.add_noise else (None,):
            noise = Augmentation(snr_db, seed=NOISE_SEED)
            chosen_on = dataset.users(validation, noise)
            predictors = {config.name: network_predictor(network, task)}
            for row in baselines:
                if not row.why_not(radio):
                    predict = row.choose(chosen_on, radio)
                    predictors[row.title + _parameters(predict)] = predict
            for name, predict in predictors.items():
                report = evaluate(predict, dataset, test, noise).model_dump(mode="json")
                rows.append({"predictor": name, "snr_db": snr_db, "report": report})
        facts = _facts(trained_on)
        tested = {**_facts(dataset), "test_users": len(test)}
        reasons = {row.title: why for row in baselines if (why := row.why_not(radio))}
    return {
        "name": config.name,
        "config": config.model_dump(mode="json"),
        "parameters": {"total": counts["parameters"], "trained": counts["trained_parameters"]},
        "data": facts,
        "test": tested,
        "rows": rows,
        "not_applicable": reasons,
        "environment": environment(),
    }


def training(model: Path, data: Path) -> dict[str, Any]:
    """Users and epochs as the record beside the model says, or all that the split gives and the log tells."""
    record = record_path(model)
    if record.is_file():
        told = json.loads(record.read_text())
        return {name: told[name] for name in ("training_users", "epochs")}
    log = json.loads((model / LOG_FILE).read_text())
    return {"training_users": users_of(data, None)["training_users"], "epochs": len(log)}


def _parameters(predict: Predict) -> str:
    """What a baseline was chosen with, as " (order 8, ridge 0.3)"; empty for one without parameters."""
    if not dataclasses.is_dataclass(predict):
        return ""
    words = []
    for field in dataclasses.fields(predict):
        value = getattr(predict, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            words.append(f"{field.name} {value:g}")
        elif dataclasses.is_dataclass(value):
            words.append(f"{field.name}{_parameters(value)}")
    return f" ({', '.join(words)})"


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {"digest": dataset.digest, "users": len(dataset), **dataset.origin.model_dump(mode="json")}


def markdown(card: dict[str, Any], steps: Sequence[Step]) -> str:
    """The model card."""
    config = ModelConfig(**card["config"])
    data, test, counts = card["data"], card["test"], card["parameters"]
    grouping = TASKS.get(config.row.task).worst_grouping
    groups = card["rows"][0]["report"]["groups"][grouping.name]
    lines = [
        f"# {config.name}, {config.radio.duplex.upper()}",
        "",
        f"{counts['total']:,} parameters, {counts['trained']:,} of them trained and stored here, by "
        f"`benchmarks/train_reference.py` with `{RECIPE_FILE}`.",
        f"{card['epochs']} epochs; hardware: {card['environment']['cpu']}, "
        f"{card['environment']['cores']} cores.",
        "",
        f"Data: {data['generator']} {data['generator_version']}, {data['scenario']}, "
        f"{'LoS' if data['los'] else 'NLoS'}, UE pattern {data['ue_pattern']}, "
        f"{data['users']} users, seed {data['seed']}, digest {data['digest'][:12]}; split by drop, "
        f"{card['training_users']} users train. {_noise(steps[-1])}",
        "",
        f"NMSE in dB (10 log10 of the users' mean), {test['test_users']} test users (seed {test['seed']}, "
        f"UE pattern {test['ue_pattern']}, digest {test['digest'][:12]}), clean target:",
        "",
        "| predictor | history SNR | all | standard error | "
        + "".join(f"{label} {grouping.unit} | " for label in groups).rstrip(),
        "|---" * (4 + len(groups)) + "|",
    ]
    for row in card["rows"]:
        report = Report(**row["report"])
        values = report.mean_db, report.standard_error_db, *report.groups[grouping.name].values()
        snr = "clean" if row["snr_db"] is None else f"{row['snr_db']:g} dB"
        cells = [snr, *("-" if value is None else f"{value:.2f}" for value in values)]
        lines.append(f"| {row['predictor']} | " + " | ".join(cells) + " |")
    lines += ["", *(f"No {title}: it {why}." for title, why in card["not_applicable"].items())]
    lines += [
        "",
        f"Limits: drawn channels of one scenario ({config.radio.words}); nothing recorded. For other sites, "
        "arrays and speeds train or distil on their channels, and look at the classical predictors first.",
        "",
    ]
    return "\n".join(lines)


def _noise(step: Step) -> str:
    """What histories a network was trained on at last."""
    options = step.options
    if options.snr_db is None:
        return "Histories without noise."
    low, high = options.snr_db
    clean = f", {100 * options.clean_share:.0f} % of them clean" if options.clean_share else ""
    return f"Histories with noise of {low:g}-{high:g} dB SNR{clean}; clean targets."


if __name__ == "__main__":
    main()
