"""CSI that can be used: every number finite, every user with power."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgecsi.csi import to_interleaved
from edgecsi.errors import DataError


def check_users(csi: NDArray[np.complex64], users: NDArray[np.int64], where: str) -> None:
    """Raise :class:`DataError` for the first of `users` [n] whose CSI [n, antenna, time, K] can't be used."""
    numbers = to_interleaved(csi).reshape(len(csi), 2 * math.prod(csi.shape[1:]))
    power = np.einsum("nf,nf->n", numbers, numbers)
    # Squares may overflow or vanish where the numbers don't: look closely at such users only.
    for row in np.flatnonzero(~(np.isfinite(power) & (power > 0))):
        if not np.isfinite(numbers[row]).all():
            raise DataError(f"{where}: user {users[row]} has NaN or Inf; repair or leave out this user")
        if not numbers[row].any():
            raise DataError(f"{where}: user {users[row]} has zero power; leave out this user")
