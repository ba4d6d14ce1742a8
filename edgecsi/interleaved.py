"""Complex arrays as an engine takes them: the same bytes as float32 with interleaved (re, im)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_interleaved(values: NDArray[np.complexfloating]) -> NDArray[np.float32]:
    """complex [..., last] -> float32 [..., last, 2] (re, im); a view of complex64 in C order."""
    values = np.ascontiguousarray(values, dtype=np.complex64)
    return values.view(np.float32).reshape(*values.shape, 2)


def to_complex(interleaved: NDArray[np.float32]) -> NDArray[np.complex64]:
    """float32 [..., last, 2] -> complex64 [..., last]; a view when C-contiguous."""
    interleaved = np.ascontiguousarray(interleaved, dtype=np.float32)
    return interleaved.view(np.complex64)[..., 0]
