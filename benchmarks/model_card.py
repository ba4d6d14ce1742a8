r"""Judges a trained network on test users and puts it where it is shipped, with a model card.

    edgecsi data generate --seed 1000003 --users 5000 --test-share 0.8 -o new.h5
    python benchmarks/model_card.py build/reference/tdd/csi-alm-light --data build/reference/tdd/CHANNELS.h5 \
        --test new.h5

The users' NMSE varies so much that a mean to a few tenths of a decibel takes thousands of them; without
`--test` those of the training data's split judge.
Writes edgecsi/models/shipped_models/<name>-<duplex>: config, weights (a teacher in FP16), log, README.md with
data, training, NMSE beside the classical predictors and limits, and its numbers as card.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from environment import environment
from predictors import ahead, sizes
from safetensors.torch import load_file, save
from training_record import record_path, users_of

from edgecsi.channel import Dataset, split
from edgecsi.files import atomic_folder, write_json
from edgecsi.metrics import NmseReport
from edgecsi.models import load, load_config
from edgecsi.models.baselines import BandAr, RidgeAr, choose_strong, hold_last
from edgecsi.models.shipped import FOLDER
from edgecsi.training import Augmentation, evaluate
from edgecsi.training.evaluation import network_predictor

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
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    config = load_config(arguments.model)
    folder = arguments.output or FOLDER / f"{config.name}-{config.duplex}"
    with atomic_folder(folder) as temporary:
        for name in ("config.json", "log.json"):
            shutil.copy(arguments.model / name, temporary / name)
        weights = load_file(arguments.model / "model.safetensors")
        if config.name == "csi-alm":
            weights = {name: weight.to(torch.float16) for name, weight in weights.items()}
        (temporary / "model.safetensors").write_bytes(save(weights))
        card = judge(temporary, arguments.data, arguments.test or arguments.data, arguments.users)
        card |= training(arguments.model, arguments.data)
        write_json(temporary / "card.json", card)
        (temporary / "README.md").write_text(markdown(card))
    print(markdown(card))


def judge(model: Path, data: Path, test_data: Path, max_users: int | None) -> dict:
    """NMSE of network, hold-last and classical predictor (chosen on validation) by SNR, as JSON values."""
    config, network = load_config(model), load(model)
    counts, rows = sizes(network), []
    with Dataset.open(data) as trained_on, Dataset.open(test_data) as dataset:
        users = split(dataset)
        test, validation = users.test[:max_users], users.val[:VALIDATION_USERS]
        for snr_db in SNR_DB:
            noise = Augmentation(snr_db, seed=NOISE_SEED)
            history = noise(dataset.history(validation), validation, 0)
            classical = choose_strong(history, dataset.future(validation), dataset.info.duplex)
            predictors = {
                config.name: network_predictor(network),
                _words(classical): ahead(classical, dataset.shape.future),
                "hold last": ahead(hold_last, dataset.shape.future),
            }
            for name, predict in predictors.items():
                report = evaluate(predict, dataset, test, noise)
                rows.append({"predictor": name, "snr_db": snr_db, "nmse": report.model_dump()})
        facts = _facts(trained_on)
        tested = {**_facts(dataset), "test_users": len(test)}
    return {
        "name": config.name,
        "config": json.loads(config.model_dump_json()),
        "parameters": {"total": counts["parameters"], "trained": counts["trained_parameters"]},
        "data": facts,
        "test": tested,
        "rows": rows,
        "environment": environment(),
    }


def training(model: Path, data: Path) -> dict:
    """Users and epochs as the record beside the model says, or all that the split gives and the log tells."""
    record = record_path(model)
    if record.is_file():
        told = json.loads(record.read_text())
        return {name: told[name] for name in ("training_users", "epochs")}
    log = json.loads((model / "log.json").read_text())
    return {"training_users": users_of(data, None)["training_users"], "epochs": len(log)}


def _words(classical: RidgeAr | BandAr) -> str:
    if isinstance(classical, BandAr):
        return f"{_words(classical.time)} in time, ridge {classical.ridge:g} along frequency"
    return f"pooled ridge AR (order {classical.order}, ridge {classical.ridge:g})"


def _facts(dataset: Dataset) -> dict:
    return {"digest": dataset.digest, "users": len(dataset), **dataset.info.model_dump()}


def markdown(card: dict) -> str:
    """The model card."""
    data, test, counts = card["data"], card["test"], card["parameters"]
    speeds = [f"{speed} km/h" for speed in card["rows"][0]["nmse"]["per_speed_db"]]
    lines = [
        f"# {card['name']}, {data['duplex'].upper()}",
        "",
        f"{counts['total']:,} parameters, {counts['trained']:,} of them trained and stored here, by "
        "`benchmarks/train_reference.py`.",
        f"{card['epochs']} epochs; hardware: {card['environment']['cpu']}, "
        f"{card['environment']['cores']} cores.",
        "",
        f"Data: {data['generator']} {data['generator_version']}, {data['scenario']}, "
        f"{'LoS' if data['los'] else 'NLoS'}, UE pattern {data['ue_pattern']}, "
        f"{data['users']} users, seed {data['seed']}, digest {data['digest'][:12]}; split by drop, "
        f"{card['training_users']} users train. "
        "Histories with noise of 5-25 dB SNR and clean ones; clean targets.",
        "",
        f"NMSE in dB (10 log10 of the users' mean), {test['test_users']} test users (seed {test['seed']}, "
        f"UE pattern {test['ue_pattern']}, digest {test['digest'][:12]}), clean target:",
        "",
        "| predictor | history SNR | all | standard error | " + " | ".join(speeds) + " |",
        "|---" * (4 + len(speeds)) + "|",
    ]
    for row in card["rows"]:
        report = NmseReport(**row["nmse"])
        values = report.nmse_mean_db, report.standard_error_db, *report.per_speed_db.values()
        snr = "clean" if row["snr_db"] is None else f"{row['snr_db']:g} dB"
        cells = [snr, *("-" if value is None else f"{value:.2f}" for value in values)]
        lines.append(f"| {row['predictor']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Limits: drawn channels of one scenario at 2.4 GHz, 48 subcarriers 180 kHz apart, steps of 0.5 ms, "
        "the 4x4 dual-polarised array; nothing recorded. For other sites, arrays and speeds train or distil "
        "on their channels, and look at the classical predictors first.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
