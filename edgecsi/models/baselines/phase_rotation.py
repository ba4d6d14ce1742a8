"""One Doppler shift per user."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgecsi.models.baselines.baseline import BASELINES, Baseline


def phase_rotation(history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
    """Rotate the last CSI onward by the user's one phase per step.

    The phase is that of the history's lag-1 autocorrelation, summed over antennas, time and subcarriers:
    the mean Doppler shift of the user. complex64 [user, antenna, T, K] -> [user, antenna, steps, K].
    """
    lag1 = np.sum(history[:, :, 1:] * history[:, :, :-1].conj(), axis=(1, 2, 3))
    ahead = np.arange(1, steps + 1)
    rotation = np.exp(1j * np.angle(lag1)[:, None] * ahead).astype(np.complex64)
    return history[:, :, -1:] * rotation[:, None, :, None]


BASELINES.register(
    Baseline(
        name="phase_rotation",
        title="phase rotation",
        choose=lambda users, radio: partial(phase_rotation, steps=radio.future),
        module=__name__,
    )
)
