"""Channels that can be used: every number finite, every user with power."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.errors import DataError
from edgecsi.interleaved import to_interleaved

ZERO = "zero power"


def check_users(values: NDArray[Any], users: NDArray[np.int64], where: str) -> None:
    """Raise :class:`DataError` for the first user whose complex64 or float32 `values` can't be used.

    values: [n, ...]; users: int64 [n], how messages count them; where: what messages begin with.
    """
    for row, why in unusable(values).items():
        advice = "leave out" if why == ZERO else "repair or leave out"
        raise DataError(f"{where}: user {users[row]} has {why}; {advice} this user")


def unusable(values: NDArray[Any]) -> dict[int, str]:
    """Row -> what makes it unusable, in order, of complex64 or float32 `values` [n, ...]."""
    found: dict[int, str] = {}
    numbers: NDArray[np.float32] = to_interleaved(values) if np.iscomplexobj(values) else values
    numbers = numbers.reshape(len(values), math.prod(numbers.shape[1:]))
    power = np.einsum("nf,nf->n", numbers, numbers)
    # Squares may overflow or vanish where the numbers don't: look closely at such users only.
    for row in np.flatnonzero(~(np.isfinite(power) & (power > 0))):
        if not np.isfinite(numbers[row]).all():
            found[int(row)] = "NaN or Inf"
        elif not numbers[row].any():
            found[int(row)] = ZERO
    return found


def mean_power(values: NDArray[Any]) -> NDArray[np.float64]:
    """Mean square of every user of `values` [n, ...]: float64 [n]."""
    squares = np.abs(values.reshape(len(values), -1)) ** 2
    power: NDArray[np.float64] = np.mean(squares, axis=1, dtype=np.float64)
    return power
