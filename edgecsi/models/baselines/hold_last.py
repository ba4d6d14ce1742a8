"""No prediction: what a base station does that ignores channel ageing."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgecsi.models.baselines.baseline import BASELINES, Baseline


def hold_last(history: NDArray[np.complex64], steps: int) -> NDArray[np.complex64]:
    """Repeat the last CSI: complex64 [user, antenna, T, K] -> [user, antenna, steps, K]."""
    return np.repeat(history[:, :, -1:], steps, axis=2)


BASELINES.register(
    Baseline(
        name="hold_last",
        title="hold last",
        choose=lambda users, radio: partial(hold_last, steps=radio.future),
        module=__name__,
    )
)
