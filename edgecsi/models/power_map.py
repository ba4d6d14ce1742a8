"""Plane waves over an array and a history as real numbers, and sums over a map of their powers.

A wave of one angle per axis of the array and one Doppler shift is a product of three exponentials. Seen from
the middle of each, they are even in their real part and odd in the imaginary one, so a fixed unitary
transform (sums and differences of the two ends, even and odd Slepian sequences) makes the wave real: a
covariance is then a real matrix, with a Kronecker structure of which no more is computed than it has.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edgecsi.models.slepian import BAND, slepian
from edgecsi.radio import RadioSetting

GRID_SHARE = 0.118 / 0.12  # of the Doppler band is covered by the map
SEQUENCES_BEYOND = 3  # Slepian sequences of the solver beyond the time-bandwidth product
NOISE_BEYOND = 5  # from this one on, a sequence holds nothing but noise
USUAL_ELEMENTS, USUAL_HISTORY = 4, 16  # for which numbers of angles and Doppler shifts are told


class PowerMap(nn.Module):
    """Steering vectors of all angles and Doppler shifts, in the real domain.

    C columns, R rows, S Slepian sequences; maps are [..., column angle, row angle, Doppler].
    """

    def __init__(self, radio: RadioSetting, angles: int, dopplers: int, band: float) -> None:
        super().__init__()
        array, history = radio.array, radio.history
        self.elements = (array.columns, array.rows)
        self.angles = tuple(angle_count(size, angles) for size in self.elements)
        self.dopplers = doppler_count(history, dopplers, band)
        low, _, turns = slow_basis(history, band)
        centre, edge = (history - 1) / 2, GRID_SHARE * band
        shifts = 2 * math.pi * torch.linspace(-edge, edge, self.dopplers, dtype=torch.float64)
        past = phases(shifts, torch.arange(history) - centre) @ low.to(torch.complex128) * turns
        ahead = phases(shifts, history + torch.arange(radio.future) - centre)
        column, row = (waves(size, count) for size, count in zip(self.elements, self.angles, strict=True))
        self.sequences = low.shape[1]
        self.size = array.beams * self.sequences
        self._constant("column", column)  # [angle, C]
        self._constant("row", row)
        self._constant("past", past.real)  # [Doppler, S]
        self._constant("ahead_re", ahead.real)  # [Doppler, P]
        self._constant("ahead_im", ahead.imag)
        for name in ("column", "row", "past"):
            values = getattr(self, name).double()
            self._constant(f"{name}_pairs", (values[:, :, None] * values[:, None]).flatten(1))
            i, j = torch.triu_indices(values.shape[1], values.shape[1])
            self._constant(f"{name}_triangle", values[:, i] * values[:, j])
        self.register_buffer("places", self._places(), persistent=False)

    def _constant(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value.float().contiguous(), persistent=False)

    def _places(self) -> Tensor:
        """Where each entry of a covariance is among the products of different pairs: int64 [N * N]."""
        sizes = (*self.elements, self.sequences)
        column, row, sequence = (pair_places(size) for size in sizes)
        rows, sequences = int(row.max()) + 1, int(sequence.max()) + 1
        place = column[:, None, None, :, None, None] * rows + row[None, :, None, None, :, None]
        return (place * sequences + sequence[None, None, :, None, None, :]).flatten()

    def project(self, vectors: Tensor) -> Tensor:
        """s^T x of every wave: [..., N] -> [..., column angle, row angle, Doppler]."""
        parts = vectors.unflatten(-1, (*self.elements, self.sequences))
        by_row = torch.matmul(self.row, torch.matmul(parts, self.past.T))
        return torch.matmul(self.column, by_row.flatten(-2)).unflatten(-1, (-1, self.dopplers))

    def covariance(self, power: Tensor) -> Tensor:
        """Sum over the map of power * s s^T: [..., column angle, row angle, Doppler] -> [..., N, N]."""
        by_column = torch.matmul(self.column_triangle.T, power.flatten(-2)).unflatten(-1, power.shape[-2:])
        pairs = torch.matmul(torch.matmul(self.row_triangle.T, by_column), self.past_triangle)
        return pairs.flatten(-3)[..., self.places].unflatten(-1, (self.size, self.size))

    def diagonal(self, inverse: Tensor) -> Tensor:
        """s^T A s of every wave: [system, N, N] -> [system, column angle, row angle, Doppler]."""
        parts = (*self.elements, self.sequences)
        split = inverse.unflatten(2, parts).unflatten(1, parts).permute(0, 1, 4, 2, 5, 3, 6)
        by_doppler = torch.matmul(split.flatten(5).flatten(3, 4).flatten(1, 2), self.past_pairs.T)
        by_row = torch.matmul(self.row_pairs, by_doppler)
        return torch.matmul(self.column_pairs, by_row.flatten(-2)).unflatten(-1, (-1, self.dopplers))

    def ahead(self, amplitudes: Tensor) -> Tensor:
        """Waves of these amplitudes after the history.

        [..., 2, polarisation, column angle, row angle, Doppler] -> [..., 2, polarisation, beam, P].
        """
        re, im = amplitudes.unbind(-5)
        future = torch.stack(
            [
                torch.matmul(re, self.ahead_re) - torch.matmul(im, self.ahead_im),
                torch.matmul(re, self.ahead_im) + torch.matmul(im, self.ahead_re),
            ],
            dim=-5,
        )
        by_row = torch.matmul(self.row.T, future)
        by_column = torch.matmul(self.column.T, by_row.flatten(-2))
        return by_column.unflatten(-1, (self.elements[1], -1)).flatten(-3, -2)


def angle_count(elements: int, angles: int) -> int:
    """Angles along an axis of the array: as many per element as four elements have."""
    return 1 if elements == 1 else math.ceil(angles * elements / USUAL_ELEMENTS)


def doppler_count(history: int, dopplers: int, band: float) -> int:
    """Doppler shifts of the map: as close to each other, for the history, as those of the usual band."""
    return max(3, math.ceil(dopplers * history * band / (USUAL_HISTORY * BAND)))


def sequence_count(history: int, band: float) -> int:
    """Slepian sequences that the solver computes with: 7 for 16 samples and the usual band."""
    return math.ceil(2 * band * history) + SEQUENCES_BEYOND


def slow_basis(history: int, band: float) -> tuple[Tensor, Tensor, Tensor]:
    """Slepian sequences [T, S] of the solver, those of the noise [T, n], and what makes waves real: [S]."""
    sequences, count = slepian(history, band), sequence_count(history, band)
    low, beyond = sequences[:, :count], sequences[:, math.ceil(2 * band * history) + NOISE_BEYOND :]
    parity = (-1.0) ** torch.arange(count)  # sequence 0 is even, sequence 1 odd
    low = (low + parity * low.flip(0)) / 2
    turns = torch.where(parity > 0, torch.tensor(1, dtype=torch.complex128), -1j)
    return low, beyond, turns


def real_beams(size: int) -> Tensor:
    """Unitary [element, beam] in which plane waves are real: sums and differences of an axis' two ends."""
    basis = torch.zeros(size, size, dtype=torch.complex128)
    for low in range(size // 2):
        high, half = size - 1 - low, 0.5**0.5
        basis[low, low] = basis[high, low] = half
        basis[low, high], basis[high, high] = -1j * half, 1j * half
    if size % 2:
        basis[size // 2, size // 2] = 1
    return basis


def waves(size: int, angles: int) -> Tensor:
    """Plane waves along an axis in the domain of :func:`real_beams`: float64 [angle, beam]."""
    shifts = 2 * math.pi * torch.arange(angles, dtype=torch.float64) / angles
    return (phases(shifts, torch.arange(size) - (size - 1) / 2) @ real_beams(size)).real


def phases(shifts: Tensor, places: Tensor) -> Tensor:
    """exp(i shift place): complex128 [shift, place]."""
    angle = torch.outer(shifts.double(), places.double())
    return torch.complex(angle.cos(), angle.sin())


def pair_places(size: int) -> Tensor:
    """Index of pairs (i, j), in either order, among those with i <= j: int64 [size, size]."""
    i, j = torch.triu_indices(size, size)
    places = torch.zeros(size, size, dtype=torch.int64)
    places[i, j] = places[j, i] = torch.arange(len(i))
    return places
