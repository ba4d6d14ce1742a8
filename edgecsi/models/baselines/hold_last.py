"""No prediction: what a base station does that ignores channel ageing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def hold_last(history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
    """Repeat the last CSI: complex64 [user, antenna, T, K] -> [user, antenna, steps, K]."""
    return np.repeat(history[:, :, -1:], steps, axis=2)
