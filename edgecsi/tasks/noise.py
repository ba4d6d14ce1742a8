"""Receiver noise on complex histories, drawn so that a user's noise never depends on who shares the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def add_white_noise(
    history: NDArray[np.complex64],
    users: NDArray[np.integer],
    snr_db: float | tuple[float, float],
    seed: int,
    draw: int = 0,
) -> NDArray[np.complex64]:
    """Add complex white Gaussian noise to each user's history.

    Args:
        history: complex64 [n, antenna, T, K].
        users: int [n], the users' indices in their dataset.
        snr_db: the user's mean power over the noise variance, in dB; a pair is drawn from uniformly per user.
        seed: chooses the noise of the whole run.
        draw: chooses another noise for the same user, for example the epoch.

    Returns:
        complex64 [n, antenna, T, K]; a user's noise depends on (seed, user, draw) alone.
    """
    low, high = snr_db if isinstance(snr_db, tuple) else (snr_db, snr_db)
    noisy = np.empty_like(history)
    for row, user in enumerate(users):
        # Philox is counter-based (Salmon et al., 2011): every (user, draw) has a stream of its own.
        random = np.random.Generator(np.random.Philox(key=[seed, 0], counter=[0, 0, int(user), draw]))
        snr = 10 ** (random.uniform(low, high) / 10)
        signal = history[row]
        variance = float(np.mean(np.abs(signal, dtype=np.float32) ** 2, dtype=np.float64)) / snr
        white = random.standard_normal((*signal.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
        noisy[row] = signal + np.float32(np.sqrt(variance / 2)) * white
    return noisy
