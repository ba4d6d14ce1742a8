"""Predictors that need no training, and that every accuracy table shows beside the networks.

Each maps (history complex64 [user, antenna, T, K], steps) to the future complex64 [user, antenna, steps, K].
"""

from edgecsi.models.baselines.angle_delay import from_angle_delay, to_angle_delay
from edgecsi.models.baselines.band_ar import BandAr, band_ar_applies, choose_band_ar
from edgecsi.models.baselines.bin_rotation import bin_rotation
from edgecsi.models.baselines.hold_last import hold_last
from edgecsi.models.baselines.phase_rotation import phase_rotation
from edgecsi.models.baselines.ridge_ar import RidgeAr, choose_ridge_ar, ridge_ar_applies
from edgecsi.models.baselines.strong import choose_strong, strong_applies

__all__ = [
    "BandAr",
    "RidgeAr",
    "band_ar_applies",
    "bin_rotation",
    "choose_band_ar",
    "choose_ridge_ar",
    "choose_strong",
    "from_angle_delay",
    "hold_last",
    "phase_rotation",
    "ridge_ar_applies",
    "strong_applies",
    "to_angle_delay",
]
