"""Is an engine as good on its golden users as it has to be? Each finding is a row with its limit.

Three properties are judged user by user: agreement with the student, scale equivariance, batch invariance.
The goals are judged again: what is lost in NMSE against the student, overall and in the worst group, for
clean and for noisy users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from edgecsi.bundle.golden import SNR_COLUMN
from edgecsi.metrics import Energies, GoalBounds, Report, loss
from edgecsi.runtime.engine import Precision
from edgecsi.runtime.limits import (
    Decibels,
    PerUser,
    agreement_limits,
    beyond_rounding,
    invariance_limits,
    repeat_limits,
    resolution,
)
from edgecsi.tasks import Task
from edgecsi.users import Users

Array = NDArray[Any]
Predict = Callable[[Array], Array]  # [user, *input axes] -> [user, *target axes], in the task's dtypes


class Check(BaseModel):
    """One finding in dB, and where it was worst: a user, or the users of a row."""

    name: str
    value_db: float
    limit_db: float
    where: str
    passed: bool

    @property
    def line(self) -> str:
        """The finding in words."""
        return f"{self.name}: {self.value_db:+.2f} dB for {self.where}, the limit is {self.limit_db:+.2f} dB"


def judge(
    predict: Predict,
    prediction: Array,
    golden: Users,
    task: Task,
    precision: Precision,
    bounds: GoalBounds,
    student_db: PerUser,
    engine_db: PerUser | None = None,
) -> list[Check]:
    """Hold an engine against its student on the golden users.

    Args:
        predict: the engine.
        prediction: what it gives for the golden users.
        golden: users with the student's predictions.
        task: whose users they are.
        precision: what the engine promises.
        bounds: the goals; those against teacher and baselines are not about the engine.
        student_db: how far the FP32 student is from itself in FP64, per user.
        engine_db: how far the engine was from the student where it was built, per user; None: this is there.
    """
    if engine_db is None:
        agreement = agreement_limits(precision, student_db)
    else:
        agreement = repeat_limits(student_db, engine_db)
    invariance = invariance_limits(precision, student_db)
    name = [_user_words(task, golden, user) for user in range(len(golden))]
    error = agreement_db(prediction, golden)
    found = [_worst_user("agreement with the student", error, agreement, name)]
    if task.scales:
        error = _scale_error_db(predict, golden.inputs, prediction, task.scales)
        found.append(_worst_user("scale equivariance", error, invariance, name))
    error = _batch_error_db(predict, golden.inputs, prediction, task.scales)
    found.append(_worst_user("batch invariance", error, invariance, name))
    return [*found, *loss_checks(prediction, golden, task, bounds, student_db)]


def agreement_db(prediction: Array, golden: Users) -> Decibels:
    """Error of every golden user against the student's stored prediction, in dB: float64 [user]."""
    if golden.student is None:
        raise ValueError("golden users carry the student's predictions")
    return Energies.of(prediction, golden.student).users_db()


def conditions(golden: Users) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """("clean", mask) and ("noisy", mask) of the golden users, those of them that there are."""
    clean = np.isinf(golden.columns[SNR_COLUMN].astype(np.float64))
    for words, mask in (("clean", clean), ("noisy", ~clean)):
        if mask.any():
            yield words, mask


def condition_reports(
    task: Task, golden: Users, predictions: Mapping[str, Array | None]
) -> dict[str, dict[str, Report]]:
    """ "clean", "noisy" -> name -> report on those golden users; what has no prediction is left out."""
    return {
        condition: {
            name: task.report(prediction[mask], golden[mask])
            for name, prediction in predictions.items()
            if prediction is not None
        }
        for condition, mask in conditions(golden)
    }


def loss_checks(
    prediction: Array, golden: Users, task: Task, bounds: GoalBounds, student_db: PerUser
) -> Iterator[Check]:
    """What is lost in NMSE against the student beyond rounding, overall and in each grouping's worst row."""
    assert golden.student is not None
    resolved = resolution(task, student_db)
    for condition, mask in conditions(golden):
        users = golden[mask]
        student = task.energies(golden.student[mask], users.targets)
        measured = task.energies(prediction[mask], users.targets)
        engine = beyond_rounding(measured, student, np.asarray(student_db)[mask])
        everybody = np.full(len(users), "all")
        if bounds.max_nmse_loss_db is not None:
            found = loss(engine, student, everybody, resolved[mask])
            where = f"every {condition} user"
            yield _bounded("NMSE loss", found.overall_db, bounds.max_nmse_loss_db, where)
        if bounds.max_worst_speed_loss_db is None:
            continue
        for grouping in task.groupings:
            found = loss(engine, student, grouping.labels(users.columns), resolved[mask])
            where = f"the {condition} users of {found.worst_row} {grouping.unit}"
            yield _bounded("worst NMSE loss", found.worst_db, bounds.max_worst_speed_loss_db, where)


def _scale_error_db(predict: Predict, inputs: Array, prediction: Array, scales: Sequence[float]) -> Decibels:
    """Each user's largest error of f(a*x)/a against f(x), over scales a."""
    scaled = (predict(inputs * np.float32(scale)) / np.float64(scale) for scale in scales)
    return np.max([Energies.of(found, prediction).users_db() for found in scaled], axis=0)


def _batch_error_db(predict: Predict, inputs: Array, prediction: Array, scales: Sequence[float]) -> Decibels:
    """Each user's largest error alone, and among others (loud and silent ones too)."""
    alone = np.concatenate([predict(user[None]) for user in inputs])
    others = [inputs[:1] * np.float32(0), inputs * np.float32(max(scales))] if scales else [inputs]
    among = predict(np.concatenate([inputs[::-1], *others]))[: len(inputs)][::-1]
    return np.max([Energies.of(found, prediction).users_db() for found in (alone, among)], axis=0)


def _worst_user(name: str, error_db: Decibels, limit_db: Decibels, users: Sequence[str]) -> Check:
    """The user who is farthest beyond its limit, or nearest to it."""
    excess = np.where(np.isnan(error_db), np.inf, error_db - limit_db)
    worst = int(np.argmax(excess))
    return _bounded(name, float(error_db[worst]), float(limit_db[worst]), users[worst])


def _bounded(name: str, value_db: float, limit_db: float, where: str) -> Check:
    return Check(
        name=name, value_db=value_db, limit_db=limit_db, where=where, passed=bool(value_db <= limit_db)
    )


def _user_words(task: Task, golden: Users, user: int) -> str:
    """As user 3 (30 km/h, 20 dB SNR)."""
    facts = [f"{g.label(float(golden.columns[g.column][user]))} {g.unit}" for g in task.groupings]
    snr = float(golden.columns[SNR_COLUMN][user])
    facts.append("clean" if np.isinf(snr) else f"{snr:g} dB SNR")
    return f"user {user} ({', '.join(facts)})"
