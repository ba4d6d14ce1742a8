"""Stage `proof`: the engine on the test users under every condition, and on the golden users.

-> proof.json: condition -> Report, the pooled error against the student, that of every golden user, the
checks that `verify` repeats, and whether the engine itself ran; energies.npz: its energies; golden.npy: what
it predicts for the golden users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Signature, golden_from_bytes
from edgecsi.export.targets import get_target
from edgecsi.files import atomic_file, write_json
from edgecsi.metrics import Energies, GoalBounds
from edgecsi.metrics.nmse import FLOOR_DB
from edgecsi.runtime.checks import agreement_db, judge
from edgecsi.stages.engine import load_built
from edgecsi.stages.judging import make_runner, measure
from edgecsi.stages.rounding import fp64_distance_db
from edgecsi.stages.scores import GOLDEN, GOLDEN_STUDENT, STUDENT
from edgecsi.stages.scores import load_energies as scored_energies
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.tested_users import (
    AS_GIVEN,
    BATCH_USERS,
    Condition,
    batches_under_test,
    conditions,
    indices_under_test,
)
from edgecsi.stages.trained_code import code_of
from edgecsi.tasks import Task
from edgecsi.users import Users

if TYPE_CHECKING:
    from edgecsi.channel import Dataset

PROOF, ENERGIES, PREDICTION = "proof.json", "energies.npz", "golden.npy"
MOVED = 0.002  # of log10 NMSE, 0.02 dB: an engine that changes a user's NMSE by less loses nothing there
MOST_MOVED = 256  # users whose rounding is looked at; it takes 16 predictions of each
# Losses are held against the goals when the bundle is put together, so that other goals run nothing again.
NOTHING_ASKED = GoalBounds(**dict.fromkeys(GoalBounds.model_fields))


class Options(StageOptions):
    """target: what was built. network: its student. why_not_run: why this machine can't run it; or null."""

    target: str
    network: str
    why_not_run: str | None = None


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`data`, `student`, `scores` and `engine` -> proof.json, energies.npz, golden.npy."""
    from edgecsi.channel import Dataset

    built, lowered = load_built(inputs["engine"])
    with Dataset.open(inputs["data"]) as dataset, np.load(inputs["scores"] / STUDENT) as students:
        task, radio = dataset.task, dataset.radio
        runner = make_runner(options.target, built, lowered, task, Signature.of(task, radio))
        found, rounding = {}, {}
        for condition in conditions(task):
            student = students[condition.name]
            pieces = (
                Users(users.inputs, users.targets, users.columns, student[i * BATCH_USERS :][: len(users)])
                for i, users in enumerate(batches_under_test(dataset, condition))
            )
            found[condition.name] = measure(runner, pieces)
            before = scored_energies(inputs["scores"], condition.name, "student")
            moved = changed_users(found[condition.name].energies, before, task)
            rounding[condition.name] = rounding_db(inputs["student"], dataset, condition, moved)
        golden = golden_from_bytes((inputs["scores"] / GOLDEN).read_bytes(), task, radio)
        prediction = runner.predict(golden.inputs)
        student_db = json.loads((inputs["scores"] / GOLDEN_STUDENT).read_text())
        promise = get_target(options.target).promise
        checks = judge(runner.predict, prediction, golden, task, promise, NOTHING_ASKED, student_db)
    arrays = {
        f"{name}/{part}": getattr(measured.energies, part)
        for name, measured in found.items()
        for part in ("error", "signal")
    }
    arrays |= {f"{name}/rounding_db": values for name, values in rounding.items()}
    with atomic_file(out / ENERGIES) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    facts = {
        "reports": {name: measured.report.model_dump(mode="json") for name, measured in found.items()},
        "relative_error_db": found[AS_GIVEN].deviation.pooled_db(),
        "golden_engine_db": agreement_db(prediction, golden).tolist(),
        "checks": [check.model_dump() for check in checks],
        "labels": {name: [str(v) for v in column] for name, column in found[AS_GIVEN].labels.items()},
        "executed": runner.executed,
    }
    with atomic_file(out / PREDICTION) as temporary, temporary.open("wb") as file:
        np.save(file, prediction)
    write_json(out / PROOF, facts)


def changed_users(engine: Energies, student: Energies, task: Task) -> NDArray[np.int64]:
    """Users whose NMSE the engine changes, the most changed first: those whom rounding may have moved."""
    floor = task.resolution
    change = np.abs(np.log10((engine.ratios + floor) / (student.ratios + floor)))
    order = np.argsort(-change, kind="stable")[:MOST_MOVED]
    return np.sort(order[change[order] > MOVED])


def rounding_db(
    student: Path, dataset: Dataset, condition: Condition, moved: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How far rounding alone takes the student from itself, float64 [test user]; FLOOR_DB where nobody asked.

    Only of a network that solves equations, which may amplify rounding without bound, and of `moved` users.
    """
    from edgecsi.models import load, load_config

    users = indices_under_test(dataset)
    found = np.full(len(users), FLOOR_DB)
    if len(moved) and load_config(student).row.requires_fp32_solver:
        some = dataset.users(users[moved], condition.augmentation())
        found[moved] = fp64_distance_db(load(student), some, dataset.task)
    return found


def load_facts(folder: Path) -> dict[str, Any]:
    """proof.json that the stage wrote."""
    found: dict[str, Any] = json.loads((folder / PROOF).read_text())
    return found


def load_energies(folder: Path, condition: str) -> tuple[Energies, NDArray[np.float64]]:
    """The engine's energies under a condition, and :func:`rounding_db`."""
    with np.load(folder / ENERGIES) as arrays:
        energies = Energies(*(arrays[f"{condition}/{part}"] for part in ("error", "signal")))
        return energies, arrays[f"{condition}/rounding_db"]


ROW = STAGES.register(
    StageRow(
        "proof",
        "run the engine on the test users",
        run,
        Options,
        libraries=lambda options: ("numpy", "torch", *get_target(options.target).libraries),
        modules=lambda options: [*get_target(options.target).modules, *code_of(options.network)],
        module=__name__,
    )
)
