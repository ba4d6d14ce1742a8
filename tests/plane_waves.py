"""Channels of a few plane waves: a predictor that knows the array sees through them."""

import numpy as np

from edgecsi.radio import RadioSetting


def plane_waves(users, waves, doppler, delay, seed=0, radio=RadioSetting()):
    """(history complex64 [user, antenna, T, K], future [user, antenna, P, K]), about unit power per wave.

    Doppler shifts are drawn up to `doppler` cycles per step, delays up to `delay` cycles per subcarrier. The
    future of FDD is on the band above.
    """
    random, array, bands = np.random.default_rng(seed), radio.array, 1 + (radio.duplex == "fdd")
    gap = round(radio.band_gap_hz / radio.subcarrier_spacing_hz)
    time, k = np.arange(radio.history + radio.future), np.arange(bands * radio.subcarriers + gap)
    csi = np.zeros((users, array.antennas, len(time), len(k)), complex)
    for user in csi:
        for _ in range(waves):
            u, v = random.uniform(0, 1, 2)
            wave = np.exp(2j * np.pi * (u * np.arange(array.columns)[:, None] + v * np.arange(array.rows)))
            pair = random.standard_normal((array.polarisations, 2)) @ [1, 1j]
            shift, phase = random.uniform(-doppler, doppler), random.uniform(0, delay)
            tone = np.exp(2j * np.pi * (shift * time[:, None] - phase * k))
            user[array.places()] += (wave[..., None] * pair)[..., None, None] * tone
    csi = csi.astype(np.complex64)
    history, future = csi[:, :, : radio.history], csi[:, :, radio.history :]
    return history[..., : radio.subcarriers], future[..., -radio.subcarriers :]
