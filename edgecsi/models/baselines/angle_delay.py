"""The angle-delay domain: where a multipath channel is sparse and every bin holds few Doppler shifts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecsi.radio import ArrayGeometry


def to_angle_delay(csi: NDArray[np.complexfloating], array: ArrayGeometry) -> NDArray[np.complex128]:
    """2-D DFT over the array per polarisation and IDFT over subcarriers, both unitary.

    complex [user, antenna, time, subcarrier] -> complex128 [user, column, row, polarisation, delay, time].
    """
    return np.fft.ifft(to_beams(csi, array), axis=-1, norm="ortho").swapaxes(-1, -2)


def from_angle_delay(bins: NDArray[np.complexfloating], array: ArrayGeometry) -> NDArray[np.complex64]:
    """Inverse of :func:`to_angle_delay`."""
    return from_beams(np.fft.fft(bins.swapaxes(-1, -2), axis=-1, norm="ortho"), array)


def to_beams(csi: NDArray[np.complexfloating], array: ArrayGeometry) -> NDArray[np.complex128]:
    """The array's part: [user, antenna, time, subcarrier] -> [user, column, row, polarisation, time, K]."""
    return np.fft.fft2(csi[:, array.places()].astype(np.complex128), axes=(1, 2), norm="ortho")


def from_beams(beams: NDArray[np.complexfloating], array: ArrayGeometry) -> NDArray[np.complex64]:
    """Inverse of :func:`to_beams`."""
    grid = np.fft.ifft2(beams, axes=(1, 2), norm="ortho")
    csi = np.empty((len(grid), array.antennas, *grid.shape[-2:]), np.complex64)
    csi[:, array.places()] = grid
    return csi
