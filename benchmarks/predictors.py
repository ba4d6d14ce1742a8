"""The rows of the accuracy tables: classical predictors, and the networks found in a folder of models.

A folder of models holds model folders by duplex mode, and collections of the same form:

    MODELS/tdd/lstm  MODELS/fdd/csi-alm  MODELS/few-shot/tdd/gru  MODELS/ablation/tdd/csi-alm-random-2

A number at the end is a seed: folders that differ in nothing else are one row with a value per seed. The file
`<folder>.json` beside a model folder, or a shipped network's card in it, tells how and where it was trained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from training_record import record_path

from edgecsi.channel import Dataset
from edgecsi.models import load, load_config
from edgecsi.models.baselines import (
    bin_rotation,
    choose_band_ar,
    choose_ridge_ar,
    hold_last,
    phase_rotation,
)
from edgecsi.training import Augmentation
from edgecsi.training.evaluation import ComplexPredictor, network_predictor

# Folder -> what its row is called, in the order of the tables.
NETWORKS = {
    "csi-alm": "CSI-ALM (teacher)",
    "csi-alm-light": "CSI-ALM-Light",
    "csi-alm-light-delta": "CSI-ALM-Light-Delta",
    "csi-alm-light-distilled": "CSI-ALM-Light, distilled",
    "csi-alm-light-direct": "CSI-ALM-Light, no distillation",
    "csi-alm-light-ad": "CSI-ALM-Light-AD",
    "llm4cp": "LLM4CP",
    "transformer": "Transformer",
    "cnn": "CNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "rnn": "RNN",
}
# The shipped csi-alm-light learnt from many users; at a tenth stand the distilled and the undistilled one.
FEW_SHOT = {folder: name for folder, name in NETWORKS.items() if folder != "csi-alm-light"}
LARGE = ("csi-alm", "llm4cp")  # names that begin so take a GPU to be trained at the papers' size
MIXED_NOISE = Augmentation((5.0, 25.0), seed=11, clean_share=0.2)  # where a predictor must do for any SNR

SnrDb = float | None  # None: no noise
Steps = Callable[[NDArray[np.complex64], int], NDArray[np.complex64]]
Choose = Callable[[NDArray[np.complex64], NDArray[np.complex64]], Steps]  # by validation history and future


@dataclass(frozen=True)
class Row:
    """A predictor, or the same one from several seeds.

    predictors: seed -> SNR of the histories -> predictor; empty where there is none, `reason` says why.
    facts: what it is and where it comes from, as JSON values.
    """

    name: str
    predictors: Mapping[int, Callable[[SnrDb], ComplexPredictor]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


def classical(validation: Dataset, users: NDArray[np.int64]) -> list[Row]:
    """Predictors without training; order and ridge of the AR are chosen on these validation users.

    Once with the noise that networks are trained on, or ("tuned") at each SNR, as a receiver that knows its
    SNR would.
    """
    steps = validation.shape.future
    none = {"parameters": 0, "epochs": 0, "hardware": "none, no training"}
    plain, pooled = (partial(choose_ridge_ar, pooled=pooled) for pooled in (False, True))

    @cache
    def chosen(choose: Choose, noise: Augmentation) -> ComplexPredictor:
        history = noise(validation.history(users), users, 0)
        return ahead(choose(history, validation.future(users)), steps)

    def fixed(name: str, predict: Steps) -> Row:
        return Row(name, {0: lambda snr_db: ahead(predict, steps)}, none)

    def mixed(name: str, choose: Choose) -> Row:
        facts = {**none, "choice": f"on {len(users)} validation users in mixed noise"}
        return Row(name, {0: lambda snr_db: chosen(choose, MIXED_NOISE)}, facts)

    def tuned(name: str, choose: Choose) -> Row:
        facts = {**none, "choice": f"on {len(users)} validation users at each SNR"}
        level = {0: lambda snr_db: chosen(choose, Augmentation(snr_db, seed=MIXED_NOISE.seed))}
        return Row(f"{name}, tuned", level, facts)

    other_band = "ridge AR in time and frequency"
    return [
        fixed("hold last", hold_last),
        fixed("phase rotation per user", phase_rotation),
        fixed("rotation per angle-delay bin", bin_rotation),
        mixed("ridge AR per bin", plain),
        mixed("ridge AR, pooled", pooled),
        tuned("ridge AR, pooled", pooled),
        *(
            [mixed(other_band, choose_band_ar), tuned(other_band, choose_band_ar)]
            if validation.info.duplex == "fdd"
            else []
        ),
    ]


def networks(folder: Path, names: Mapping[str, str] = NETWORKS) -> list[Row]:
    """A row per name, found or not, then one for every other model folder in `folder`."""
    found: dict[str, dict[int, Path]] = {}
    for config in sorted(folder.glob("*/config.json")):
        stem, _, seed = re.fullmatch(r"(.+?)(-(\d+))?", config.parent.name).groups()
        found.setdefault(stem, {})[int(seed or 0)] = config.parent
    others = {stem: stem for stem in found if stem not in names}
    return [_network(name, stem, found.get(stem, {})) for stem, name in {**names, **others}.items()]


def _network(name: str, stem: str, folders: dict[int, Path]) -> Row:
    if not folders:
        gpu = stem.startswith(LARGE) and "light" not in stem
        return Row(name, reason="waits for a GPU" if gpu else "not trained")
    return Row(
        name,
        {seed: _loader(folder) for seed, folder in folders.items()},
        _facts(folders[min(folders)]),
    )


def sizes(network: nn.Module) -> dict[str, int]:
    """Parameters, and those of them that are trained."""
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trained_parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }


def _loader(folder: Path) -> Callable[[SnrDb], ComplexPredictor]:
    loaded: list[ComplexPredictor] = []

    def at(snr_db: SnrDb) -> ComplexPredictor:
        if not loaded:
            network = load(folder).to("cuda" if torch.cuda.is_available() else "cpu")
            loaded.append(network_predictor(network))
        return loaded[0]

    return at


def _facts(folder: Path) -> dict[str, Any]:
    """Size, training and hardware of a model folder."""
    network, log = load(folder), json.loads((folder / "log.json").read_text())
    training = _training(folder)
    machine = training.get("environment", {})
    return {
        "network": load_config(folder).name,
        "backbone": load_config(folder).backbone,
        **sizes(network),
        "epochs": training.get("epochs", len(log)),
        "training_seconds": round(sum(entry.get("seconds", 0.0) for entry in log), 1),
        "training_users": training.get("training_users"),
        "hardware": machine.get("gpu") or machine.get("cpu") or "not recorded",
    }


def _training(folder: Path) -> dict[str, Any]:
    """The record beside a model folder, or else the model card of a shipped network; empty without either."""
    told = [path for path in (record_path(folder), folder / "card.json") if path.is_file()]
    return json.loads(told[0].read_text()) if told else {}


def ahead(predict: Steps, steps: int) -> ComplexPredictor:
    """A predictor of any number of steps as one of `steps`."""
    return lambda history: predict(history, steps)
