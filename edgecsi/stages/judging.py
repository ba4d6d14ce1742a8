"""Does the engine predict as well as the network that it was made from? Measured, not assumed.

:func:`measure` runs an engine, or its lowered graph where this machine can't run it; :func:`judge` holds what
was measured against the goals that were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import Signature
from edgecsi.errors import BuildError
from edgecsi.export.builders import BuiltEngine
from edgecsi.export.targets import get_target
from edgecsi.metrics import Energies, Goal, GoalBounds, Report, loss
from edgecsi.runtime import run_in_pieces, start_engine
from edgecsi.runtime.checks import Check
from edgecsi.tasks import Task
from edgecsi.users import Users

LOSS = "nmse_loss_db"


@dataclass(frozen=True)
class Runner:
    """Something that computes what an engine computes. executed: it is the engine itself."""

    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    task: Task
    executed: bool

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """[user, *input axes] -> [user, *target axes]. BuildError where outputs aren't finite."""
        output = self.run(self.task.input.to_engine(inputs))
        if not np.isfinite(output).all():
            raise BuildError("the engine returned NaN or infinity on the test users")
        return self.task.target.from_engine(output)


def make_runner(
    target_name: str, built: BuiltEngine, lowered: bytes, task: Task, signature: Signature
) -> Runner:
    """The engine, or where this machine can't run it, its lowered graph with its rounding emulated."""
    target = get_target(target_name)
    if target.why_not_run() is None:
        engine = start_engine(built.engine, built.files, signature, precision=target.precision)
        return Runner(lambda inputs: run_in_pieces(engine, inputs), task, executed=True)
    from edgecsi.export.emulation import EmulatedEngine

    return Runner(EmulatedEngine(lowered).run, task, executed=False)


@dataclass(frozen=True)
class Measured:
    """An engine on some users under one condition: its energies against the truth, and their labels.

    deviation: energies of its difference from the student, against the student's own.
    """

    energies: Energies
    deviation: Energies
    labels: dict[str, NDArray[np.str_]]

    @property
    def report(self) -> Report:
        """NMSE against the truth."""
        return Report.of(self.energies, self.labels)


def measure(runner: Runner, pieces: Iterable[Users]) -> Measured:
    """Run users with the student's predictions through an engine."""
    task = runner.task
    energies, deviations, labels = [], [], []
    for users in pieces:
        output = runner.predict(users.inputs)
        energies.append(task.energies(output, users.targets))
        deviations.append(task.energies(output, predictions_of(users)))
        labels.append(task.labels(users.columns))
    names = labels[0]
    joined = {name: np.concatenate([part[name] for part in labels]) for name in names}
    return Measured(Energies.join(energies), Energies.join(deviations), joined)


def engine_goals(
    condition: str,
    engine: Energies,
    labels: Mapping[str, NDArray[np.str_]],
    student: Energies,
    bounds: GoalBounds,
    resolution: NDArray[np.float64] | float,
) -> list[Goal]:
    """The engine against its student under one condition, overall and in the worst row of each grouping.

    engine: what it has beyond rounding, see :func:`edgecsi.runtime.limits.beyond_rounding`.
    """
    goals = []

    def add(scope: str, bound: float | None, value: float) -> None:
        if bound is not None:
            goals.append(Goal.judge(LOSS, "engine", "student", scope, condition, bound, value))

    everyone = np.full(len(student), "all")
    add("overall", bounds.max_nmse_loss_db, loss(engine, student, everyone, resolution).overall_db)
    for grouping, rows in labels.items():
        found = loss(engine, student, rows, resolution)
        add(f"{grouping} {found.worst_row}", bounds.max_worst_speed_loss_db, found.worst_db)
    return goals


def golden_goals(checks: Iterable[Check]) -> list[Goal]:
    """What was found on the golden users, as goals: `verify` will ask the same of them elsewhere."""
    return [
        Goal.judge(
            check.name, "engine", "student", check.where, "golden users", check.limit_db, check.value_db
        )
        for check in checks
    ]


def student_goals(
    condition: str, reports: Mapping[str, Report], baselines: Iterable[str], bounds: GoalBounds
) -> list[Goal]:
    """The student against its teacher and the best baseline that applies, under one condition."""
    student = reports["student"].mean_db
    goals = []
    if "teacher" in reports and bounds.max_teacher_loss_db is not None:
        value = student - reports["teacher"].mean_db
        goals.append(
            Goal.judge(LOSS, "student", "teacher", "overall", condition, bounds.max_teacher_loss_db, value)
        )
    applying = {name: reports[name].mean_db for name in baselines if name in reports}
    if applying and bounds.max_baseline_loss_db is not None:
        best = min(applying, key=applying.__getitem__)
        goals.append(
            Goal.judge(
                LOSS,
                "student",
                best,
                "overall",
                condition,
                bounds.max_baseline_loss_db,
                student - applying[best],
            )
        )
    return goals


def predictions_of(users: Users) -> NDArray[Any]:
    """The student's predictions that users carry."""
    if users.student is None:
        raise ValueError("users to measure on carry the student's predictions")
    return users.student
