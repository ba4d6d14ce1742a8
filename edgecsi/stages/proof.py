"""Stage `proof`: the engine on the test users under every condition, and on the golden users.

-> proof.json: condition -> Report, the pooled error against the student, that of every golden user, the
checks that `verify` repeats, and whether the engine itself ran; energies.npz: its energies; golden.npy: what
it predicts for the golden users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgecsi.bundle import Signature, golden_from_bytes
from edgecsi.export.targets import get_target
from edgecsi.files import atomic_file, write_json
from edgecsi.metrics import Energies, GoalBounds
from edgecsi.runtime.checks import agreement_db, judge
from edgecsi.stages.engine import load_built
from edgecsi.stages.judging import make_runner, measure
from edgecsi.stages.scores import GOLDEN, GOLDEN_STUDENT, STUDENT
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.tested_users import AS_GIVEN, BATCH_USERS, batches_under_test, conditions
from edgecsi.users import Users

PROOF, ENERGIES, PREDICTION = "proof.json", "energies.npz", "golden.npy"
# Losses are held against the goals when the bundle is put together, so that other goals run nothing again.
NOTHING_ASKED = GoalBounds(**dict.fromkeys(GoalBounds.model_fields))


class Options(StageOptions):
    """target: what was built. why_not_run: why this machine can't run it; null: it can."""

    target: str
    why_not_run: str | None = None


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`data`, `scores` and `engine` -> proof.json, energies.npz."""
    from edgecsi.channel import Dataset

    built, lowered = load_built(inputs["engine"])
    with Dataset.open(inputs["data"]) as dataset, np.load(inputs["scores"] / STUDENT) as students:
        task, radio = dataset.task, dataset.radio
        runner = make_runner(options.target, built, lowered, task, Signature.of(task, radio))
        found = {}
        for condition in conditions(task):
            student = students[condition.name]
            pieces = (
                Users(users.inputs, users.targets, users.columns, student[i * BATCH_USERS :][: len(users)])
                for i, users in enumerate(batches_under_test(dataset, condition))
            )
            found[condition.name] = measure(runner, pieces)
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


def load_facts(folder: Path) -> dict[str, Any]:
    """proof.json that the stage wrote."""
    found: dict[str, Any] = json.loads((folder / PROOF).read_text())
    return found


def load_energies(folder: Path, condition: str) -> Energies:
    """The engine's energies under a condition."""
    with np.load(folder / ENERGIES) as arrays:
        return Energies(*(arrays[f"{condition}/{part}"] for part in ("error", "signal")))


ROW = STAGES.register(
    StageRow(
        "proof",
        "run the engine on the test users",
        run,
        Options,
        libraries=lambda options: ("numpy", *get_target(options.target).libraries),
        modules=lambda options: get_target(options.target).modules,
        module=__name__,
    )
)
