"""Stage `scores`: teacher, student and classical predictors on the test users, under every condition.

-> scores.json: condition -> predictor -> Report, and why a baseline doesn't apply; energies.npz: error and
signal energies per user and step; student.npz: what the student predicts; golden.npz: the golden users, with
golden.json, how far the student in FP32 is from itself in FP64 for each of them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.files import atomic_file, write_json
from edgecsi.metrics import Energies, Report
from edgecsi.stages.rounding import fp64_distance_db
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.tested_users import Condition, batches_under_test, conditions, golden_users
from edgecsi.stages.trained_code import code_of

if TYPE_CHECKING:
    from edgecsi.channel import Dataset

SCORES, ENERGIES, STUDENT = "scores.json", "energies.npz", "student.npz"
GOLDEN, GOLDEN_STUDENT = "golden.npz", "golden.json"
TUNING_USERS = 16  # validation users that choose a classical predictor's order and ridge
LIBRARIES = ("torch", "transformers", "peft", "numpy")

Predict = Callable[[NDArray[Any]], NDArray[Any]]


class Options(StageOptions):
    """networks: of the teacher and the student, whose code predicts."""

    networks: tuple[str, ...]


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`data`, `student` and, where there is one, `teacher` -> the files above."""
    from edgecsi.bundle import golden_to_bytes
    from edgecsi.channel import Dataset
    from edgecsi.models import load
    from edgecsi.training.evaluation import network_predictor

    networks = {name: load(inputs[name]) for name in ("teacher", "student") if name in inputs}
    with Dataset.open(inputs["data"]) as dataset:
        task = dataset.task
        reasons = not_applicable(dataset)
        scored: dict[str, Scored] = {}
        for condition in conditions(task):
            predictors = tuned_baselines(dataset, condition) | {
                name: network_predictor(network, task) for name, network in networks.items()
            }
            scored[condition.name] = score(predictors, dataset, condition, keep="student")
        students = {name: found.kept for name, found in scored.items()}
        nmse = {name: found.energies["student"].ratios for name, found in scored.items()}
        golden = golden_users(dataset, students, nmse)
    reports = {name: found.reports() for name, found in scored.items()}
    _save(out / STUDENT, students)
    _save(out / ENERGIES, {f"{name}/{key}": v for name, s in scored.items() for key, v in s.arrays().items()})
    with atomic_file(out / GOLDEN) as temporary:
        temporary.write_bytes(golden_to_bytes(golden))
    write_json(out / GOLDEN_STUDENT, fp64_distance_db(networks["student"], golden, task))
    write_json(out / SCORES, {"metrics": reports, "not_applicable": reasons})


@dataclass
class Scored:
    """Predictors under one condition. kept: predictions of one of them."""

    energies: dict[str, Energies] = field(default_factory=dict)
    labels: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    kept: NDArray[Any] = field(default_factory=lambda: np.empty(0))

    def reports(self) -> dict[str, Any]:
        """Predictor -> Report, as JSON values."""
        return {
            name: Report.of(energies, self.labels).model_dump(mode="json")
            for name, energies in self.energies.items()
        }

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Energies by `<predictor>/error` and `<predictor>/signal`."""
        return {
            f"{name}/{part}": getattr(energies, part)
            for name, energies in self.energies.items()
            for part in ("error", "signal")
        }


def score(predictors: Mapping[str, Predict], dataset: Dataset, condition: Condition, keep: str) -> Scored:
    """Every predictor on the test users under one condition; predictions of `keep` are kept."""
    task = dataset.task
    parts: dict[str, list[Energies]] = {name: [] for name in predictors}
    labels: list[dict[str, NDArray[np.str_]]] = []
    kept = []
    for users in batches_under_test(dataset, condition):
        labels.append(task.labels(users.columns))
        for name, predict in predictors.items():
            prediction = predict(users.inputs)
            parts[name].append(task.energies(prediction, users.targets))
            if name == keep:
                kept.append(prediction)
    return Scored(
        {name: Energies.join(found) for name, found in parts.items()},
        {name: np.concatenate([part[name] for part in labels]) for name in labels[0]},
        np.concatenate(kept),
    )


def tuned_baselines(dataset: Dataset, condition: Condition) -> dict[str, Predict]:
    """The baselines that apply; what they choose is chosen on validation users under the same condition."""
    from edgecsi.channel import split
    from edgecsi.models.baselines import BASELINES

    tuning = split(dataset).val[:TUNING_USERS]
    users = dataset.users(tuning, condition.augmentation())
    return {
        row.name: row.choose(users, dataset.radio)
        for row in BASELINES
        if row.task == dataset.task.name and row.why_not(dataset.radio) is None
    }


def not_applicable(dataset: Dataset) -> dict[str, str]:
    """Baselines of the task that don't apply, and why."""
    from edgecsi.models.baselines import BASELINES

    reasons = {row.name: row.why_not(dataset.radio) for row in BASELINES if row.task == dataset.task.name}
    return {name: reason for name, reason in reasons.items() if reason}


def _save(path: Path, arrays: dict[str, Any]) -> None:
    buffer = io.BytesIO()  # numpy's own writing tells no reason when the disk is full
    np.savez(buffer, **arrays)
    with atomic_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_energies(folder: Path, condition: str, predictor: str) -> Energies:
    """Energies that the stage wrote."""
    with np.load(folder / ENERGIES) as arrays:
        return Energies(*(arrays[f"{condition}/{predictor}/{part}"] for part in ("error", "signal")))


def _modules(options: Options) -> list[str]:
    from edgecsi.models.baselines import BASELINES

    networks = [module for name in options.networks for module in code_of(name)]
    return [*networks, *(row.module for row in BASELINES)]


ROW = STAGES.register(
    StageRow(
        "scores",
        "score teacher, student and baselines on the test users",
        run,
        Options,
        libraries=lambda options: LIBRARIES,
        modules=_modules,
        module=__name__,
    )
)
