"""The recipes that shipped models were trained by, and what the training scripts give every network alike.

`recipe.yaml` in a shipped model's folder holds a document per training: a recipe of `edgecsi compress` over
the profile `full`. A later one starts from what the one before it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.distill.distill import distill
from edgecsi.distill.options import DistillOptions
from edgecsi.files import atomic_file
from edgecsi.models import NETWORKS
from edgecsi.models.shipped import FOLDER, reference
from edgecsi.radio import Duplex
from edgecsi.stages import network, student
from edgecsi.stages.recipe import PROFILES, RECIPE_FILE, Recipe
from edgecsi.training import NetworkChoice, TrainOptions
from edgecsi.training.train import train_network

BASE = PROFILES["full"]
ABOUT = "What this model was trained with; a section says what differs from --profile full."
NOISE_FIELDS = ("snr_db", "noise_draws", "clean_share")


@dataclass(frozen=True)
class Step:
    """One training. section: of the recipe, "teacher" or "student"."""

    recipe: Recipe
    section: str

    @property
    def data(self) -> DataOptions:
        """The channels that it trains on."""
        return self.recipe.data

    @property
    def options(self) -> network.Options | student.Options:
        """Which network, and how."""
        return getattr(self.recipe, self.section)

    @property
    def start(self) -> str | None:
        """The name of the step that it starts from: `clean` of build/clean/student."""
        start = self.options.start_from
        return start and start.parent.name

    def changed(self, changes: Mapping[str, Any]) -> Step:
        """The same with `section.field` -> value changes."""
        return Step(self.recipe.changed(changes), self.section)

    def train(self, data: Path, folder: Path, start: Path | None = None, teacher: Path | None = None) -> None:
        """Train on a dataset from the model folder `start`, with the teacher where the options say so."""
        options = self.options.model_copy(update={"start_from": start})
        choice = NetworkChoice.part_of(options)
        if isinstance(options, DistillOptions) and options.weight and NETWORKS.get(choice.network).relations:
            if teacher is None:
                raise SystemExit(f"{folder} is distilled, which takes a teacher")
            distill(teacher, choice, data, DistillOptions.part_of(options), folder)
        else:
            train_network(choice, data, TrainOptions.part_of(options), folder)


def read_steps(path: Path) -> list[Step]:
    """The trainings of a recipe file, in order."""
    documents = [part for part in yaml.safe_load_all(path.read_text(encoding="utf-8")) if part]
    return [_step(document) for document in documents]


def _step(document: Mapping[str, Mapping[str, Any]]) -> Step:
    changes = {f"{name}.{field}": value for name, part in document.items() for field, value in part.items()}
    (section,) = document.keys() & {"teacher", "student"}
    return Step(BASE.changed(changes), section)


def write_steps(path: Path, steps: Sequence[Step]) -> None:
    """Inverse of :func:`read_steps`."""
    documents = [
        {
            "data": _changes(step.data, BASE.data),
            step.section: {"network": step.options.network}
            | _changes(step.options, getattr(BASE, step.section)),
        }
        for step in steps
    ]
    text = yaml.safe_dump_all(documents, sort_keys=False, explicit_start=len(steps) > 1)
    with atomic_file(path) as temporary:
        temporary.write_text(f"# {ABOUT}\n{text}", encoding="utf-8")


def _changes(options: BaseModel, base: BaseModel) -> dict[str, Any]:
    old = base.model_dump(mode="json")
    return {name: value for name, value in options.model_dump(mode="json").items() if value != old[name]}


def recipe_path(folder: Path) -> Path:
    """Where the recipe of a model folder that train_reference.py wrote lies."""
    return folder.with_name(f"{folder.name}.{RECIPE_FILE}")


def shipped_steps(name: str, duplex: Duplex) -> list[Step] | None:
    """How a shipped network was trained; None where none is shipped for that duplex mode."""
    path = FOLDER / f"{name}-{duplex}" / RECIPE_FILE
    return read_steps(path) if path.is_file() else None


def epochs_of(steps: Sequence[Step]) -> int | str:
    """The epochs of some trainings; those on other channels apart, as "55 + 4"."""
    sums: list[tuple[DataOptions, int]] = []
    for step in steps:
        if sums and sums[-1][0] == step.data:
            sums[-1] = (step.data, sums[-1][1] + step.options.epochs)
        else:
            sums.append((step.data, step.options.epochs))
    counts = [count for _, count in sums]
    return counts[0] if len(counts) == 1 else " + ".join(map(str, counts))


_TEACHER = read_steps(reference("teacher", "tdd") / RECIPE_FILE)[-1]
DATA_SEED = _TEACHER.data.seed
NOISE: dict[str, Any] = {name: getattr(_TEACHER.options, name) for name in NOISE_FIELDS}


def equal_options(epochs: int, **more: Any) -> TrainOptions:
    """Options that train for all `epochs`, so that rows of a table can be compared."""
    alike = {"batch_users": 16, "batch_antennas": 8, **NOISE}
    return TrainOptions(**alike | more, epochs=epochs, patience=epochs)
