"""One Doppler shift per angle-delay bin."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgecsi.models.baselines.angle_delay import from_angle_delay, to_angle_delay
from edgecsi.models.baselines.baseline import BASELINES, Baseline
from edgecsi.radio import RadioSetting


def bin_rotation(history: NDArray[np.complex64], radio: RadioSetting) -> NDArray[np.complex64]:
    """Rotate every angle-delay bin onward by the phase of its own lag-1 autocorrelation.

    complex64 [user, antenna, T, K] -> [user, antenna, P, K].
    """
    bins = to_angle_delay(history, radio.array)
    phase = np.angle(np.sum(bins[..., 1:] * bins[..., :-1].conj(), axis=-1, keepdims=True))
    ahead = np.arange(1, radio.future + 1)
    return from_angle_delay(bins[..., -1:] * np.exp(1j * phase * ahead), radio.array)


BASELINES.register(
    Baseline(
        name="bin_rotation",
        title="bin rotation",
        choose=lambda users, radio: partial(bin_rotation, radio=radio),
        module=__name__,
    )
)
