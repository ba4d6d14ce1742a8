"""Seeded, varied test signals: no two timed calls in a row see the same numbers.

Users are drawn from a bundle's golden set and given a random phase and gain of their own, which keeps them
real channels; without a golden set they are complex white noise at the scale of channel coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import GoldenSet
from edgecsi.csi import CsiShape

NOISE_SCALE = 5e-6  # amplitude of QuaDRiGa's coefficients
POOL_BYTES = 32 << 20
POOL_CALLS = 64
POOL_SECONDS = 0.5


@dataclass(frozen=True)
class Pool:
    """Inputs of successive calls, each complex64 [user, antenna, T, K], and where known the true futures."""

    histories: list[NDArray[np.complex64]]
    futures: list[NDArray[np.complex64]] | None


def pool_size(shape: CsiShape, users: int, call_seconds: float) -> int:
    """Calls in one pass of the pool: half a second's worth, within 32 MiB and 64 calls."""
    user_bytes = 8 * int(np.prod(shape.history_shape))
    by_memory = POOL_BYTES // (users * user_bytes)
    by_time = int(POOL_SECONDS / max(call_seconds, 1e-9))
    return max(1, min(POOL_CALLS, by_memory, by_time))


def make_pool(shape: CsiShape, users: int, calls: int, seed: int, golden: GoldenSet | None) -> Pool:
    """Draw `calls` inputs of `users` users each; the same seed gives the same signals to every subject."""
    rng = np.random.default_rng(seed)
    if golden is None:
        return Pool([_noise(rng, (users, *shape.history_shape)) for _ in range(calls)], None)
    histories, futures = [], []
    for _ in range(calls):
        chosen = rng.integers(len(golden.history), size=users)
        turn = rng.uniform(0.5, 2.0, users) * np.exp(2j * np.pi * rng.random(users))
        turn = turn.astype(np.complex64)[:, None, None, None]
        histories.append(golden.history[chosen] * turn)
        futures.append(golden.truth[chosen] * turn)
    return Pool(histories, futures)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    pairs = rng.standard_normal((*shape, 2), dtype=np.float32) * np.float32(NOISE_SCALE)
    return pairs.view(np.complex64)[..., 0]
