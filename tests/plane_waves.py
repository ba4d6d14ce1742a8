"""Channels of a few plane waves on the papers' array: an array-aware predictor sees through them."""

import numpy as np

from edgecsi.csi import CsiShape

SHAPE = CsiShape()


def plane_waves(users, subcarriers, waves, doppler, delay, seed=0):
    """complex64 [user, 32, T + P, subcarrier] of about unit power per wave.

    Doppler shifts are drawn up to `doppler` cycles per step, delays up to `delay` cycles per subcarrier.
    """
    random = np.random.default_rng(seed)
    time, k = np.arange(SHAPE.history + SHAPE.future), np.arange(subcarriers)
    csi = np.zeros((users, 4, 4, 2, len(time), len(k)), complex)
    for user in csi:
        for _ in range(waves):
            u, v = random.uniform(0, 1, 2)
            wave = np.exp(2j * np.pi * (u * np.arange(4)[:, None] + v * np.arange(4)))
            pair = random.standard_normal((2, 2)) @ [1, 1j]
            shift, phase = random.uniform(-doppler, doppler), random.uniform(0, delay)
            tone = np.exp(2j * np.pi * (shift * time[:, None] - phase * k))
            user += wave[..., None, None, None] * pair[:, None, None] * tone
    return csi.reshape(users, SHAPE.antennas, len(time), len(k)).astype(np.complex64)
