"""How far an engine may be from its student: one set of rules for `compress`, `build` and `verify`.

Errors are relative squared ones in dB, of one user each, since a weak user with a wrong prediction vanishes
in a sum over all. No engine can be nearer to its student than the student in FP32 is to itself in FP64: a
network that solves equations amplifies the rounding of its input, on some channels to -30 dB. That distance
(`golden_student_db`) is measured per golden user when a bundle is made, and widens every tighter limit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecsi.runtime.engine import Precision
from edgecsi.tasks import Task

Decibels = NDArray[np.float64]  # [user]

MARGIN_DB = 10.0  # beyond what was measured: another CPU or number of threads adds in another order
REPEAT_DB = -120.0  # FP32's own rounding (2^-24 is -144 dB) after some hundred operations in a row


def agreement_limits(precision: Precision, student_db: Sequence[float]) -> Decibels:
    """Largest error against the student where an engine is built, per user."""
    return np.maximum(precision.agreement_db, np.asarray(student_db) + MARGIN_DB)


def repeat_limits(student_db: Sequence[float], engine_db: Sequence[float]) -> Decibels:
    """Largest error against the student elsewhere. engine_db: what it was where the engine was built."""
    return np.maximum(np.maximum(student_db, engine_db), REPEAT_DB) + MARGIN_DB


def invariance_limits(precision: Precision, student_db: Sequence[float]) -> Decibels:
    """Largest change of a user's prediction with the scale of the input or with who shares the batch."""
    return np.maximum(precision.invariance_db, np.asarray(student_db) + MARGIN_DB)


def resolution(task: Task, student_db: Sequence[float]) -> Decibels:
    """NMSE per user (a ratio, not dB) below which two predictions are not told apart."""
    return np.maximum(task.resolution, 10 ** (np.asarray(student_db) / 10))
