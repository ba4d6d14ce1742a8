"""How far an engine may be from its student: one set of rules for `compress`, `build` and `verify`.

Errors are relative squared ones in dB, of one user each, since a weak user with a wrong prediction vanishes
in a sum over all. No engine can be nearer to its student than the student in FP32 is to itself in FP64: a
network that solves equations amplifies the rounding of its input, on some channels to -30 dB. That distance
(`golden_student_db`) is measured per golden user when a bundle is made, and widens every tighter limit.

One rounding is a draw of chance, and for an ill-conditioned user another one is off by up to 20 dB more. So
the distance is the largest of :data:`ROUNDINGS`, of inputs that differ in their last bit. No engine was seen
to go beyond it by more than 6 dB: 320 users of csi-alm-light-ad, TDD and FDD, LOS and NLOS, clean and noisy,
with ONNX Runtime and OpenVINO. Beyond a single rounding it is 21 dB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecsi.metrics import Energies
from edgecsi.runtime.engine import Precision
from edgecsi.tasks import Task

Decibels = NDArray[np.float64]  # [user]
PerUser = Sequence[float] | Decibels

MARGIN_DB = 10.0  # beyond what was measured: another CPU or number of threads adds in another order
REPEAT_DB = -120.0  # FP32's own rounding (2^-24 is -144 dB) after some hundred operations in a row


ROUNDINGS = 16  # per golden user; with 4 of them engines go beyond the largest by up to 9 dB


def last_bits(values: NDArray[np.float32], draws: int, seed: int = 0) -> NDArray[np.float32]:
    """The same numbers, each moved to a neighbouring one at random: [...] -> [draw, ...]."""
    rng = np.random.default_rng(seed)
    towards = np.array([-np.inf, np.inf], np.float32)
    moved = [np.nextafter(values, towards[rng.integers(0, 2, values.shape)]) for _ in range(draws)]
    return np.stack(moved)


def agreement_limits(precision: Precision, student_db: PerUser) -> Decibels:
    """Largest error against the student where an engine is built, per user."""
    return np.maximum(precision.agreement_db, np.asarray(student_db) + MARGIN_DB)


def repeat_limits(student_db: PerUser, engine_db: PerUser) -> Decibels:
    """Largest error against the student elsewhere. engine_db: what it was where the engine was built."""
    return np.maximum(np.maximum(student_db, engine_db), REPEAT_DB) + MARGIN_DB


def invariance_limits(precision: Precision, student_db: PerUser) -> Decibels:
    """Largest change of a user's prediction with the scale of the input or with who shares the batch."""
    return np.maximum(precision.invariance_db, np.asarray(student_db) + MARGIN_DB)


def resolution(task: Task, student_db: PerUser) -> Decibels:
    """NMSE per user (a ratio, not dB) below which two predictions are not told apart."""
    return np.maximum(task.resolution, 10 ** (np.asarray(student_db) / 10))


def beyond_rounding(engine: Energies, student: Energies, student_db: PerUser) -> Energies:
    """The engine's energies against the truth without what rounding alone may have changed.

    By the triangle inequality, a prediction within a relative squared distance d of the student's has an NMSE
    within 2 sqrt(r d) + d of the student's r. Where a network extrapolates, both errors point the same way.

    Args:
        engine: of its predictions.
        student: of the student's predictions for the same users.
        student_db: how far the student is from itself in FP64, per user.
    """
    before, after, distance = student.ratios, engine.ratios, 10 ** (np.asarray(student_db) / 10)
    change = after - before
    left = np.maximum(np.abs(change) - 2 * np.sqrt(before * distance) - distance, 0) * np.sign(change)
    factor = np.divide(before + left, after, out=np.ones_like(after), where=after > 0)
    return Energies(engine.error * factor[:, None], engine.signal)
