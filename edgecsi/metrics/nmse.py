"""Normalised mean squared error, per user and in both aggregates.

Per user: sum |H - Hhat|^2 / sum |H|^2 over antennas, steps and subcarriers, against the clean target.
`nmse_mean_db` is 10 log10 of the mean of the users' ratios (the headline), `nmse_pooled_db` the ratio
of sums. dB values are never averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

FLOOR_DB = -200.0  # an exact prediction: finite, so that it survives JSON and comparisons


class NmseReport(BaseModel):
    """NMSE of one predictor on one set of users, in dB.

    standard_error_db: of nmse_mean_db, what drawing other users would change; None for a single one.
    """

    users: int
    nmse_mean_db: float
    standard_error_db: float | None = None
    nmse_pooled_db: float
    per_speed_db: dict[str, float]  # nmse_mean_db of the users whose speed rounds to this, in km/h


def user_energies(
    prediction: NDArray[np.complexfloating], truth: NDArray[np.complexfloating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Error and signal energy per user: complex [user, antenna, P, K] -> two float64 [user]."""
    axes = tuple(range(1, truth.ndim))
    error = np.sum(np.abs(prediction.astype(np.complex128) - truth) ** 2, axis=axes)
    return error, np.sum(np.abs(truth.astype(np.complex128)) ** 2, axis=axes)


def nmse_mean_db(error: NDArray[np.float64], signal: NDArray[np.float64]) -> float:
    """10 log10 of the mean over users of error/signal."""
    return _db(float(np.mean(error / signal)))


def nmse_pooled_db(error: NDArray[np.float64], signal: NDArray[np.float64]) -> float:
    """10 log10 of summed error over summed signal."""
    return _db(float(np.sum(error) / np.sum(signal)))


def standard_error_db(error: NDArray[np.float64], signal: NDArray[np.float64]) -> float | None:
    """Standard error of :func:`nmse_mean_db` in dB, to first order, users drawn independently."""
    ratio = error / signal
    if len(ratio) < 2 or not ratio.any():
        return None
    relative = np.std(ratio, ddof=1) / np.sqrt(len(ratio)) / np.mean(ratio)
    return float(10 / np.log(10) * relative)


def speed_label(speed_kmh: float) -> str:
    """The speed row of a user in every table: its speed rounded to the next multiple of 10 km/h."""
    return str(int(np.floor(speed_kmh / 10 + 0.5)) * 10)


def nmse_report(
    error: NDArray[np.float64], signal: NDArray[np.float64], speed_kmh: NDArray[np.floating]
) -> NmseReport:
    """Report of per-user energies [user] with the users' speeds [user] in km/h."""
    labels = np.array([speed_label(speed) for speed in speed_kmh])
    rows = sorted(set(labels), key=int)
    return NmseReport(
        users=len(error),
        nmse_mean_db=nmse_mean_db(error, signal),
        standard_error_db=standard_error_db(error, signal),
        nmse_pooled_db=nmse_pooled_db(error, signal),
        per_speed_db={row: nmse_mean_db(error[labels == row], signal[labels == row]) for row in rows},
    )


def _db(ratio: float) -> float:
    return max(FLOOR_DB, 10 * np.log10(ratio)) if ratio > 0 else FLOOR_DB
