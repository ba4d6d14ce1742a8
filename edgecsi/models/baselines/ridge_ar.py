"""Ridge autoregression per angle-delay bin: the strong classical predictor.

Every bin's samples are extrapolated by an AR model, fitted forward and backward (the modified covariance
method; Marple, Digital Spectral Analysis, ch. 8) with a ridge against noise. Pooled: a bin shares its normal
equations with the other polarisation and with its neighbours in delay and beam, which see the same paths.
In the papers' setting that costs 768 small linear systems per user (1536 unpooled).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgecsi.models.baselines.angle_delay import from_angle_delay, to_angle_delay
from edgecsi.models.baselines.baseline import BASELINES, Baseline, best
from edgecsi.radio import RadioSetting
from edgecsi.users import Users

DELAY_WEIGHT, BEAM_WEIGHT = 0.5, 0.3
COLUMN, ROW, POLARISATION, DELAY = 1, 2, 3, 4  # axes of the bins
PIECE_USERS = 8
NOTHING = 1e-280  # power added to every user's, so that the equations of one without power have a solution
ORDERS = (2, 4, 8)  # each needs twice as many samples of history
RIDGES = (1e-6, 1e-3, 0.3, 3.0, 30.0)


@dataclass(frozen=True)
class RidgeAr:
    """order: AR coefficients per bin; ridge: in units of the user's median bin power; pooled: as above."""

    radio: RadioSetting
    order: int
    ridge: float
    pooled: bool = True

    def __call__(self, history: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """complex64 [user, antenna, T, K] -> [user, antenna, P, K]."""
        return in_pieces(self._predict, history)

    def _predict(self, history: NDArray[np.complex64]) -> NDArray[np.complex64]:
        bins = to_angle_delay(history, self.radio.array)
        weights = self._fit(bins)
        series = bins[..., -self.order :]
        for _ in range(self.radio.future):
            ahead = np.sum(weights * series[..., -self.order :], axis=-1, keepdims=True)
            series = np.concatenate([series, ahead], axis=-1)
        return from_angle_delay(series[..., self.order :], self.radio.array)

    def _fit(self, bins: NDArray[np.complex128]) -> NDArray[np.complexfloating]:
        """AR weights, oldest sample first: [user, column, row, polarisation or 1, delay, order]."""
        frames = sliding_window_view(bins, self.order + 1, axis=-1)  # [..., T - order, order + 1]
        covariance = modified_covariance(frames)
        if self.pooled:
            covariance = _pool(covariance)
        power = np.mean(np.abs(bins) ** 2, axis=-1)
        floor = np.median(power.reshape(len(bins), -1), axis=1) + NOTHING
        ridge = self.ridge * floor[:, None, None, None, None, None, None] * np.eye(self.order)
        system = covariance[..., : self.order, : self.order] + ridge
        return np.linalg.solve(system, covariance[..., : self.order, self.order :])[..., 0]


def choose_ridge_ar(users: Users, radio: RadioSetting, pooled: bool = True) -> RidgeAr:
    """The predictor whose order and ridge predict these (validation) users best."""
    return best(ridge_ars(radio, pooled), users)


def ridge_ars(radio: RadioSetting, pooled: bool = True) -> list[RidgeAr]:
    """One of every order that the history is long enough for, and every ridge."""
    orders = [order for order in ORDERS if 2 * order <= radio.history]
    return [RidgeAr(radio, order, ridge, pooled) for order in orders for ridge in RIDGES]


def why_not_in_time(radio: RadioSetting) -> str | None:
    """Why a history can't be extrapolated; None when it can."""
    least = 2 * min(ORDERS)
    return f"needs {least} samples of history, not {radio.history}" if radio.history < least else None


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


def _pool(covariance: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The polarisations become one, which is solved once."""
    pooled = covariance.sum(axis=POLARISATION, keepdims=True)
    pooled = pooled + DELAY_WEIGHT * _neighbours(pooled, DELAY)
    return pooled + BEAM_WEIGHT * (_neighbours(pooled, COLUMN) + _neighbours(pooled, ROW))


def _neighbours(values: NDArray[np.complex128], axis: int) -> NDArray[np.complex128]:
    """Sum of the places beside each one on a ring, which are one place if there are two, and none if one."""
    if values.shape[axis] == 1:
        return np.zeros_like(values)
    before = np.roll(values, 1, axis)
    return before if values.shape[axis] == 2 else before + np.roll(values, -1, axis)


def _why_not(radio: RadioSetting) -> str | None:
    if radio.duplex == "fdd":
        return "predicts the band that it sees, and FDD's future is on another one"
    return why_not_in_time(radio)


BASELINES.register(
    Baseline(
        name="ridge_ar",
        title="pooled ridge AR",
        choose=choose_ridge_ar,
        tuned=True,
        why_not=_why_not,
        module=__name__,
    )
)
