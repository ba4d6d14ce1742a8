"""Ridge autoregression per angle-delay bin: the strong classical predictor.

Every bin's 16 samples are extrapolated by an AR model, fitted forward and backward (the modified covariance
method; Marple, Digital Spectral Analysis, ch. 8) with a ridge against noise. Pooled: a bin shares its normal
equations with the other polarisation and with its neighbours in delay and beam, which see the same paths.
Costs 768 small linear systems per user (1536 unpooled).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgecsi.csi import CsiShape
from edgecsi.metrics import nmse_mean_db, user_energies
from edgecsi.models.baselines.angle_delay import ANTENNAS, from_angle_delay, to_angle_delay

DELAY_WEIGHT, BEAM_WEIGHT = 0.5, 0.3
COLUMN, ROW, POLARISATION, DELAY = 1, 2, 3, 4  # axes of the bins
PIECE_USERS = 8
CHOICES = [(order, ridge) for order in (2, 4, 8) for ridge in (1e-6, 1e-3, 0.3, 3.0, 30.0)]


@dataclass(frozen=True)
class RidgeAr:
    """order: AR coefficients per bin; ridge: in units of the user's median bin power; pooled: as above."""

    order: int
    ridge: float
    pooled: bool = True

    def __call__(self, history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
        """complex64 [user, antenna, T, K] -> [user, antenna, steps, K]."""
        return in_pieces(lambda piece: self._predict(piece, steps), history)

    def _predict(self, history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
        bins = to_angle_delay(history)
        weights = self._fit(bins)
        series = bins[..., -self.order :]
        for _ in range(steps):
            ahead = np.sum(weights * series[..., -self.order :], axis=-1, keepdims=True)
            series = np.concatenate([series, ahead], axis=-1)
        return from_angle_delay(series[..., self.order :])

    def _fit(self, bins: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """AR weights, oldest sample first: [user, column, row, polarisation or 1, delay, order]."""
        frames = sliding_window_view(bins, self.order + 1, axis=-1)  # [..., T - order, order + 1]
        covariance = modified_covariance(frames)
        if self.pooled:
            covariance = _pool(covariance)
        power = np.mean(np.abs(bins) ** 2, axis=-1)
        floor = np.median(power.reshape(len(bins), -1), axis=1) + np.finfo(float).tiny
        ridge = self.ridge * floor[:, None, None, None, None, None, None] * np.eye(self.order)
        system = covariance[..., : self.order, : self.order] + ridge
        return np.linalg.solve(system, covariance[..., : self.order, self.order :])[..., 0]


def in_pieces(
    predict: Callable[[NDArray[np.complex64]], NDArray[np.complex64]], history: NDArray[np.complex64]
) -> NDArray[np.complex64]:
    """`predict` of a few users at a time, which bounds the memory."""
    pieces = range(0, len(history), PIECE_USERS)
    return np.concatenate([predict(history[first : first + PIECE_USERS]) for first in pieces])


def modified_covariance(frames: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Sum of conj(x_i) x_j over frames, forward and, conjugated, backward: [..., frame, n] -> [..., n, n]."""
    forward = frames.conj().swapaxes(-1, -2) @ frames
    return forward + forward[..., ::-1, ::-1].conj()


def ridge_ar_applies(shape: CsiShape) -> bool:
    """Whether CSI of this shape has the 4x4 dual-polarised array and the history that the predictor needs."""
    return shape.antennas == ANTENNAS and shape.history >= 2 * max(order for order, _ in CHOICES)


def choose_ridge_ar(
    history: NDArray[np.complex64], future: NDArray[np.complex64], pooled: bool = True
) -> RidgeAr:
    """The predictor whose order and ridge predict these (validation) users best.

    history complex64 [user, antenna, T, K], future complex64 [user, antenna, P, K].
    """

    def nmse_db(choice: tuple[int, float]) -> float:
        predictor = RidgeAr(*choice, pooled)
        return nmse_mean_db(*user_energies(predictor(history, future.shape[2]), future))

    return RidgeAr(*min(CHOICES, key=nmse_db), pooled)


def _pool(covariance: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Both polarisations become one, which is solved once."""
    pooled = covariance.sum(axis=POLARISATION, keepdims=True)
    pooled = pooled + DELAY_WEIGHT * _neighbours(pooled, DELAY)
    return pooled + BEAM_WEIGHT * (_neighbours(pooled, COLUMN) + _neighbours(pooled, ROW))


def _neighbours(values: NDArray[np.complex128], axis: int) -> NDArray[np.complex128]:
    return np.roll(values, 1, axis) + np.roll(values, -1, axis)
