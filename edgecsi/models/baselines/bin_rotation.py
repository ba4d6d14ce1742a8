"""One Doppler shift per angle-delay bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecsi.models.baselines.angle_delay import from_angle_delay, to_angle_delay


def bin_rotation(history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
    """Rotate every angle-delay bin onward by the phase of its own lag-1 autocorrelation.

    complex64 [user, antenna, T, K] -> [user, antenna, steps, K].
    """
    bins = to_angle_delay(history)
    phase = np.angle(np.sum(bins[..., 1:] * bins[..., :-1].conj(), axis=-1, keepdims=True))
    return from_angle_delay(bins[..., -1:] * np.exp(1j * phase * np.arange(1, steps + 1)))
