"""Channels that can be used: every number finite, every user with power."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import DataError
from edgecsi.interleaved import to_interleaved


def check_users(values: NDArray[Any], users: NDArray[np.int64], where: str) -> None:
    """Raise :class:`DataError` for the first user whose complex64 or float32 `values` can't be used.

    values: [n, ...]; users: int64 [n], how messages count them; where: what messages begin with.
    """
    numbers: NDArray[np.float32] = to_interleaved(values) if np.iscomplexobj(values) else values
    numbers = numbers.reshape(len(values), math.prod(numbers.shape[1:]))
    power = np.einsum("nf,nf->n", numbers, numbers)
    # Squares may overflow or vanish where the numbers don't: look closely at such users only.
    for row in np.flatnonzero(~(np.isfinite(power) & (power > 0))):
        if not np.isfinite(numbers[row]).all():
            raise DataError(f"{where}: user {users[row]} has NaN or Inf; repair or leave out this user")
        if not numbers[row].any():
            raise DataError(f"{where}: user {users[row]} has zero power; leave out this user")


def mean_power(values: NDArray[Any]) -> NDArray[np.float64]:
    """Mean square of every user of `values` [n, ...]: float64 [n]."""
    squares = np.abs(values.reshape(len(values), -1)) ** 2
    power: NDArray[np.float64] = np.mean(squares, axis=1, dtype=np.float64)
    return power
