"""The one tensor contract: what a CSI array means, in numpy.

A user's CSI is complex64 [antenna, time, subcarrier] in C order; an engine takes and returns the same
bytes as float32 with interleaved (re, im), so the conversion is a view and never a copy.
Antenna order is QuaDRiGa's and LLM4CP's: antenna = (column*4 + row)*2 + polarisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CsiShape:
    """Sizes of one user's prediction task (defaults: the papers' setting)."""

    antennas: int = 32
    history: int = 16
    future: int = 4
    subcarriers: int = 48

    @property
    def history_shape(self) -> tuple[int, int, int]:
        """(antenna, T, K)."""
        return self.antennas, self.history, self.subcarriers

    @property
    def future_shape(self) -> tuple[int, int, int]:
        """(antenna, P, K)."""
        return self.antennas, self.future, self.subcarriers


def to_interleaved(csi: NDArray[np.complexfloating]) -> NDArray[np.float32]:
    """complex [..., subcarrier] -> float32 [..., subcarrier, 2] (re, im); a view of complex64 in C order."""
    csi = np.ascontiguousarray(csi, dtype=np.complex64)
    return csi.view(np.float32).reshape(*csi.shape, 2)


def to_complex(interleaved: NDArray[np.float32]) -> NDArray[np.complex64]:
    """float32 [..., subcarrier, 2] -> complex64 [..., subcarrier]; a view when C-contiguous."""
    interleaved = np.ascontiguousarray(interleaved, dtype=np.float32)
    return interleaved.view(np.complex64)[..., 0]
