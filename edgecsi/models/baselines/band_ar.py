"""Ridge autoregression in time, then along the subcarriers into the adjacent band: FDD without training.

A path of delay d turns by the same phase from every subcarrier to the next, on all antennas and at all times.
So a beam, which sees few paths, obeys one linear recurrence along frequency, fitted forward and backward over
all its samples (the modified covariance method), with a share of the equations of all beams; it goes on
beyond the band's upper edge, where the downlink begins, or through a gap of whole subcarriers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgecsi.models.baselines.angle_delay import from_beams, to_beams
from edgecsi.models.baselines.baseline import BASELINES, Baseline, best
from edgecsi.models.baselines.ridge_ar import (
    NOTHING,
    RidgeAr,
    in_pieces,
    modified_covariance,
    ridge_ars,
    why_not_in_time,
)
from edgecsi.radio import SAME, RadioSetting
from edgecsi.users import Users

SHARING = 0.1  # of the sum of all beams' equations in those of a beam
TAPS_SHARE = 5 / 6  # of the band's subcarriers that the next one follows from: 40 of 48
FEWEST_TAPS = 8  # fewer tell no paths apart
BAND_RIDGES = (1e-4, 1e-2, 1e-1, 1.0)  # of the mean power of a beam


@dataclass(frozen=True)
class BandAr:
    """time: predicts the own band. ridge: along frequency, in units of the mean diagonal of the equations."""

    time: RidgeAr
    ridge: float = 1e-2

    def __call__(self, history: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """complex64 [user, antenna, T, K] -> [user, antenna, P, K] of the band above."""
        return in_pieces(self._predict, history)

    def _predict(self, history: NDArray[np.complex64]) -> NDArray[np.complex64]:
        radio = self.time.radio
        taps = band_taps(radio.subcarriers)
        weights = self._fit(to_beams(history, radio.array), taps)[:, :, :, None, None]
        series = to_beams(self.time(history), radio.array)
        for _ in range(gap_subcarriers(radio) + radio.subcarriers):
            following = np.sum(weights * series[..., -taps:], axis=-1, keepdims=True)
            series = np.concatenate([series, following], axis=-1)
        return from_beams(series[..., -radio.subcarriers :], radio.array)

    def _fit(self, beams: NDArray[np.complex128], taps: int) -> NDArray[np.complex128]:
        """AR weights along frequency, lowest subcarrier first: [user, column, row, tap]."""
        frames = sliding_window_view(beams, taps + 1, axis=-1).reshape(*beams.shape[:3], -1, taps + 1)
        covariance = modified_covariance(frames)
        covariance = covariance + SHARING * covariance.sum((1, 2), keepdims=True)
        system, target = covariance[..., :taps, :taps], covariance[..., :taps, taps:]
        level = np.trace(system, axis1=-2, axis2=-1).real / taps + NOTHING
        return np.linalg.solve(system + self.ridge * level[..., None, None] * np.eye(taps), target)[..., 0]


def band_taps(subcarriers: int) -> int:
    """How many subcarriers the next one follows from, in a band of `subcarriers`."""
    return round(TAPS_SHARE * subcarriers)


def gap_subcarriers(radio: RadioSetting) -> int:
    """How many subcarriers lie between the bands of a setting that :func:`why_not_beyond_band` accepts."""
    return round(radio.band_gap_hz / radio.subcarrier_spacing_hz)


def why_not_beyond_band(radio: RadioSetting) -> str | None:
    """Why the other band can't be extrapolated from the history's; None when it can."""
    if band_taps(radio.subcarriers) < FEWEST_TAPS:
        least = next(k for k in range(1, 100) if band_taps(k) >= FEWEST_TAPS)
        return f"needs {least} subcarriers to know another band, not {radio.subcarriers}"
    gap, spacing = radio.band_gap_hz, radio.subcarrier_spacing_hz
    if abs(gap - gap_subcarriers(radio) * spacing) > SAME * gap:
        return (
            f"goes through a gap between the bands in whole subcarriers of {spacing / 1e3:g} kHz, which "
            f"{gap / 1e3:g} kHz is not"
        )
    if gap_subcarriers(radio) > radio.subcarriers:
        return (
            f"knows nothing beyond a gap wider than the band: {gap / 1e6:g} MHz, and the band has "
            f"{radio.subcarriers * spacing / 1e6:g} MHz"
        )
    return None


def choose_band_ar(users: Users, radio: RadioSetting) -> BandAr:
    """The predictor whose order and ridges predict these users best, first in time."""
    in_time = best((BandAr(one) for one in ridge_ars(radio)), users).time
    return best((BandAr(in_time, ridge) for ridge in BAND_RIDGES), users)


def _why_not(radio: RadioSetting) -> str | None:
    if radio.duplex == "tdd":
        return "predicts the band above, and TDD has one band"
    return why_not_in_time(radio) or why_not_beyond_band(radio)


BASELINES.register(
    Baseline(
        name="band_ar",
        title="ridge AR in time and along frequency",
        choose=choose_band_ar,
        tuned=True,
        why_not=_why_not,
        module=__name__,
    )
)
