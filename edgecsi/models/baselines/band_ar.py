"""Ridge autoregression in time, then along the subcarriers into the adjacent band: FDD without training.

A path of delay d turns by the same phase from every subcarrier to the next, on all antennas and at all times.
So a beam, which sees few paths, obeys one linear recurrence along frequency, fitted forward and backward over
all its samples (the modified covariance method), with a share of the equations of all beams; it goes on
beyond the band's upper edge, where the downlink begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgecsi.csi import CsiShape
from edgecsi.metrics import nmse_mean_db, user_energies
from edgecsi.models.baselines.angle_delay import from_beams, to_beams
from edgecsi.models.baselines.ridge_ar import (
    CHOICES,
    RidgeAr,
    in_pieces,
    modified_covariance,
    ridge_ar_applies,
)

SHARING = 0.1  # of the sum of all beams' equations in those of a beam
TAPS = 40  # subcarriers that the next one follows from
BAND_RIDGES = (1e-4, 1e-2, 1e-1, 1.0)  # of the mean power of a beam


@dataclass(frozen=True)
class BandAr:
    """time: predicts the own band. ridge: along frequency, in units of the mean diagonal of the equations."""

    time: RidgeAr
    ridge: float = 1e-2

    def __call__(self, history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
        """complex64 [user, antenna, T, K] -> [user, antenna, steps, K] of the band above."""
        return in_pieces(lambda piece: self._predict(piece, steps), history)

    def _predict(self, history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
        weights = self._fit(to_beams(history))[:, :, :, None, None]
        series = to_beams(self.time(history, steps))
        subcarriers = series.shape[-1]
        for _ in range(subcarriers):
            following = np.sum(weights * series[..., -TAPS:], axis=-1, keepdims=True)
            series = np.concatenate([series, following], axis=-1)
        return from_beams(series[..., subcarriers:])

    def _fit(self, beams: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """AR weights along frequency, lowest subcarrier first: [user, column, row, tap]."""
        frames = sliding_window_view(beams, TAPS + 1, axis=-1).reshape(*beams.shape[:3], -1, TAPS + 1)
        covariance = modified_covariance(frames)
        covariance = covariance + SHARING * covariance.sum((1, 2), keepdims=True)
        system, target = covariance[..., :TAPS, :TAPS], covariance[..., :TAPS, TAPS:]
        level = np.trace(system, axis1=-2, axis2=-1).real / TAPS + np.finfo(float).tiny
        return np.linalg.solve(system + self.ridge * level[..., None, None] * np.eye(TAPS), target)[..., 0]


def band_ar_applies(shape: CsiShape) -> bool:
    """Whether CSI of this shape has the array, the history and the subcarriers that the predictor needs."""
    return ridge_ar_applies(shape) and shape.subcarriers > TAPS


def choose_band_ar(history: NDArray[np.complex64], future: NDArray[np.complex64]) -> BandAr:
    """The predictor whose order and ridges predict these (validation) users best, first in time.

    history complex64 [user, antenna, T, K], future complex64 [user, antenna, P, K] of the band above.
    """

    def nmse_db(predictor: BandAr) -> float:
        return nmse_mean_db(*user_energies(predictor(history, future.shape[2]), future))

    best = min((BandAr(RidgeAr(*choice)) for choice in CHOICES), key=nmse_db)
    return min((BandAr(best.time, ridge) for ridge in BAND_RIDGES), key=nmse_db)
