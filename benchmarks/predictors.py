"""The rows of the accuracy tables: baselines, and the networks found in a folder of models.

A folder of models holds model folders by duplex mode, and collections of the same form:

    MODELS/tdd/lstm  MODELS/fdd/csi-alm  MODELS/few-shot/tdd/gru  MODELS/ablation/tdd/csi-alm-random-2

A model folder is called like its network, or like that and what it was trained with. A number at the end is
a seed: folders that differ in nothing else are one row with a value per seed. The file `<folder>.json` beside
a model folder, or a shipped network's card in it, tells how and where it was trained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from training_record import record_path

from edgecsi.channel import Dataset
from edgecsi.models import NETWORKS, Network, load, load_config
from edgecsi.models.baselines import BASELINES, Baseline, Predict
from edgecsi.models.baselines.ridge_ar import choose_ridge_ar
from edgecsi.radio import RadioSetting
from edgecsi.training import Augmentation
from edgecsi.training.evaluation import network_predictor

TASK = "csi"  # what the papers' tables are about
# Folders of a network that was trained in several ways, behind the network's own in every table.
VARIANTS = {
    "csi-alm-light-distilled": "csi-alm-light, distilled",
    "csi-alm-light-direct": "csi-alm-light, no distillation",
}
MIXED_NOISE = Augmentation((5.0, 25.0), seed=11, clean_share=0.2)  # where a predictor must do for any SNR

SnrDb = float | None  # None: no noise


@dataclass(frozen=True)
class Row:
    """A predictor, or the same one from several seeds.

    predictors: seed -> SNR of the histories -> predictor; empty where there is none, `reason` says why.
    facts: what it is and where it comes from, as JSON values.
    """

    name: str
    predictors: Mapping[int, Callable[[SnrDb], Predict]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


def table_networks() -> list[Network]:
    """The networks of the tables: large ones, then those to distil into, then those of a whole array."""
    rows = [row for row in NETWORKS if row.task == TASK]
    return sorted(rows, key=lambda row: (not row.backbone, not row.relations, not row.requires_array))


def network_of(folder: str) -> Network | None:
    """The network that a model folder's name begins with; None for a folder of another name."""
    found = [row for row in NETWORKS if folder == row.name or folder.startswith(f"{row.name}-")]
    return max(found, key=lambda row: len(row.name), default=None)


def _named() -> dict[str, str]:
    """Folder -> what its row is called, in the order of the tables."""
    names = {}
    for row in table_networks():
        variants = {stem: name for stem, name in VARIANTS.items() if network_of(stem) is row}
        names |= {row.name: row.name, **variants}
    return names


NAMES = _named()
# The shipped csi-alm-light learnt from many users; at a tenth stand the distilled and the undistilled one.
_BOTH = [network_of(stem) for stem in VARIANTS]
FEW_SHOT = {stem: name for stem, name in NAMES.items() if stem in VARIANTS or network_of(stem) not in _BOTH}


def table_baselines() -> list[Baseline]:
    """The baselines of the tables, those without parameters first; one of them once more in a weaker form."""
    rows = [row for row in BASELINES if row.task == TASK]
    alone = partial(choose_ridge_ar, pooled=False)
    per_bin = replace(
        BASELINES.get("ridge_ar"), name="ridge_ar_per_bin", title="ridge AR per bin", choose=alone
    )
    return sorted([per_bin, *rows], key=lambda row: row.tuned)


def classical(validation: Dataset, users: NDArray[np.int64]) -> list[Row]:
    """Predictors without training; those that have parameters are chosen on these validation users.

    Once with the noise that networks are trained on, or ("tuned") at each SNR, as a receiver that knows its
    SNR would.
    """
    return [*in_mixed_noise(validation, users), *tuned(validation, users)]


def in_mixed_noise(validation: Dataset, users: NDArray[np.int64]) -> list[Row]:
    """Every baseline with parameters that must do for any SNR."""
    return [
        _baseline(row, validation, users, row.title, "in mixed noise", lambda snr_db: MIXED_NOISE)
        for row in table_baselines()
    ]


def tuned(validation: Dataset, users: NDArray[np.int64]) -> list[Row]:
    """Those that have parameters and apply, with the best at each SNR."""

    def level(snr_db: SnrDb) -> Augmentation:
        return Augmentation(snr_db, seed=MIXED_NOISE.seed)

    return [
        _baseline(row, validation, users, f"{row.title}, tuned", "at each SNR", level)
        for row in BASELINES
        if row.task == TASK and row.tuned and not row.why_not(validation.radio)
    ]


def _baseline(
    row: Baseline,
    validation: Dataset,
    users: NDArray[np.int64],
    name: str,
    where: str,
    noise: Callable[[SnrDb], Augmentation],
) -> Row:
    """A baseline chosen on these users in the noise that belongs to the SNR of the histories."""
    facts: dict[str, Any] = {"parameters": 0, "epochs": 0, "hardware": "none, no training"}
    if why := row.why_not(validation.radio):
        return Row(name, facts=facts, reason=why)
    if row.tuned:
        facts["choice"] = f"on {len(users)} validation users {where}"

    @cache
    def chosen(augmentation: Augmentation) -> Predict:
        return row.choose(validation.users(users, augmentation), validation.radio)

    return Row(name, {0: lambda snr_db: chosen(noise(snr_db))}, facts)


def networks(folder: Path, radio: RadioSetting, names: Mapping[str, str] = NAMES) -> list[Row]:
    """A row per name, found or not, then one for every other model folder in `folder`."""
    found: dict[str, dict[int, Path]] = {}
    for config in sorted(folder.glob("*/config.json")):
        stem, _, seed = re.fullmatch(r"(.+?)(-(\d+))?", config.parent.name).groups()
        found.setdefault(stem, {})[int(seed or 0)] = config.parent
    others = {stem: stem for stem in found if stem not in names}
    return [_network(name, stem, found.get(stem, {}), radio) for stem, name in {**names, **others}.items()]


def _network(name: str, stem: str, folders: dict[int, Path], radio: RadioSetting) -> Row:
    if not folders:
        return Row(name, reason=_why_none(network_of(stem), radio))
    return Row(
        name,
        {seed: _loader(folder) for seed, folder in folders.items()},
        _facts(folders[min(folders)]),
    )


def _why_none(row: Network | None, radio: RadioSetting) -> str:
    """Why there is no model; one on an LLM takes a GPU to be trained at the papers' size."""
    if row and (why := row.cannot(radio)):
        return why
    return "waits for a GPU" if row and row.backbone else "not trained"


def sizes(network: nn.Module) -> dict[str, int]:
    """Parameters, and those of them that are trained."""
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trained_parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }


def _loader(folder: Path) -> Callable[[SnrDb], Predict]:
    @cache
    def loaded() -> Predict:
        network = load(folder).to("cuda" if torch.cuda.is_available() else "cpu")
        return network_predictor(network, load_config(folder).task)

    return lambda snr_db: loaded()


def _facts(folder: Path) -> dict[str, Any]:
    """Size, training and hardware of a model folder."""
    config, log = load_config(folder), json.loads((folder / "log.json").read_text())
    training = _training(folder)
    machine = training.get("environment", {})
    return {
        "network": config.name,
        "backbone": config.backbone,
        **sizes(load(folder)),
        "epochs": training.get("epochs", len(log)),
        "training_seconds": round(sum(entry.get("seconds", 0.0) for entry in log), 1),
        "training_users": training.get("training_users"),
        "hardware": machine.get("gpu") or machine.get("cpu") or "not recorded",
    }


def _training(folder: Path) -> dict[str, Any]:
    """The record beside a model folder, or else the model card of a shipped network; empty without either."""
    told = [path for path in (record_path(folder), folder / "card.json") if path.is_file()]
    return json.loads(told[0].read_text()) if told else {}
