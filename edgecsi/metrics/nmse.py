"""Normalised mean squared error, per user and step, and its aggregates: one definition for every task.

Per user: sum |H - Hhat|^2 / sum |H|^2 over all axes, against the clean target. The *mean* is 10 log10 of the
mean of the users' ratios (the headline), *pooled* the ratio of sums. dB values are never averaged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR_DB = -200.0  # an exact prediction: finite, so that it survives JSON and comparisons


@dataclass(frozen=True)
class Energies:
    """Error and signal energy of n users per step ahead: float64 [n, step] each."""

    error: NDArray[np.float64]
    signal: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.error)

    def __getitem__(self, chosen: slice | NDArray[np.generic]) -> Energies:
        """Some users."""
        return Energies(self.error[chosen], self.signal[chosen])

    @classmethod
    def of(cls, prediction: NDArray[Any], truth: NDArray[Any], step_axis: int | None = None) -> Energies:
        """Of predictions [n, ...] against the truth [n, ...], real or complex.

        step_axis: which axis holds the steps ahead; None: there is one step.
        """
        wide: type[np.complex128 | np.float64] = np.complex128 if np.iscomplexobj(truth) else np.float64
        exact = truth.astype(wide)
        error, signal = np.abs(prediction.astype(wide) - exact) ** 2, np.abs(exact) ** 2
        axes = tuple(axis for axis in range(1, truth.ndim) if axis != step_axis)
        sums = (np.sum(part, axis=axes).reshape(len(truth), -1) for part in (error, signal))
        return cls(*sums)

    @classmethod
    def join(cls, parts: Iterable[Energies]) -> Energies:
        """All users of several parts, in order."""
        parts = list(parts)
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("error", "signal")))

    @property
    def ratios(self) -> NDArray[np.float64]:
        """NMSE of every user over all steps: float64 [n]."""
        return self.error.sum(1) / self.signal.sum(1)

    def mean_db(self) -> float:
        """10 log10 of the mean over users of error/signal."""
        return to_db(float(np.mean(self.ratios)))

    def pooled_db(self) -> float:
        """10 log10 of summed error over summed signal."""
        return to_db(float(self.error.sum() / self.signal.sum()))

    def users_db(self) -> NDArray[np.float64]:
        """NMSE of every user in dB: float64 [n]."""
        return np.array([to_db(float(ratio)) for ratio in self.ratios])

    def steps_db(self) -> list[float]:
        """:meth:`mean_db` of each step ahead by itself, the nearest first; without users silent at it."""
        alive = self.signal > 0
        return [
            to_db(float(np.mean(self.error[alive[:, step], step] / self.signal[alive[:, step], step])))
            for step in range(self.error.shape[1])
            if alive[:, step].any()
        ]

    def standard_error_db(self) -> float | None:
        """Standard error of :meth:`mean_db` in dB, to first order, users drawn independently."""
        ratio = self.ratios
        if len(ratio) < 2 or not ratio.any():
            return None
        relative = np.std(ratio, ddof=1) / np.sqrt(len(ratio)) / np.mean(ratio)
        return float(10 / np.log(10) * relative)


def to_db(ratio: float) -> float:
    """10 log10, not below FLOOR_DB; NaN stays NaN, so that no unknown passes for an exact prediction."""
    if ratio <= 0:
        return FLOOR_DB
    return float(np.maximum(FLOOR_DB, 10 * np.log10(ratio)))


def relative_error_db(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """10 log10(||found - wanted||^2 / ||wanted||^2) over all users: [n, ...] each."""
    return Energies.of(found, wanted).pooled_db()
