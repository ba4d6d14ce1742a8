"""The classical predictor that every network is held against, by duplex mode."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgecsi.csi import CsiShape
from edgecsi.models.baselines.band_ar import BandAr, band_ar_applies, choose_band_ar
from edgecsi.models.baselines.ridge_ar import RidgeAr, choose_ridge_ar, ridge_ar_applies


def strong_applies(shape: CsiShape, duplex: Literal["tdd", "fdd"]) -> bool:
    """Whether CSI of this shape has what the predictor needs."""
    return band_ar_applies(shape) if duplex == "fdd" else ridge_ar_applies(shape)


def choose_strong(
    history: NDArray[np.complex64], future: NDArray[np.complex64], duplex: Literal["tdd", "fdd"]
) -> RidgeAr | BandAr:
    """Pooled ridge AR in time, and for FDD along frequency, as it predicts these (validation) users best.

    history complex64 [user, antenna, T, K], future complex64 [user, antenna, P, K].
    """
    return choose_band_ar(history, future) if duplex == "fdd" else choose_ridge_ar(history, future)
