"""Linear prediction of angle-delay bins in closed form, from operators that every engine has.

A bin of the angle-delay domain holds few paths, so its samples obey x[t] = sum_i w[i] x[t - i]. The weights
solve the normal equations (A + ridge) w = b of all pairs (past samples, next sample) inside the history,
forward and, conjugated, backward in time. What differs from edgecsi.models.baselines.ridge_ar:

- Doppler shifts lie far below the sampling rate, so 13 past samples are seen through the 8 slowest
  Slepian sequences (Slepian, Bell System Technical Journal 57, 1978): a longer past with fewer unknowns. The
  power that lies outside of the band is noise and tells its variance.
- An unknown's ridge against rounding is in units of what its own power is summed from: the last unknowns hold
  a millionth of the first one's, and all that tells fast users' paths apart.
- Several systems pool a bin's equations with those of other bins, each by trained weights and ridges.
- Eliminating one unknown after the other yields all orders at once: component k is what unknown k adds. The
  weights of all components enter before the back substitution, so that none is written out.

Bins are the last axis, so that every operator runs over contiguous memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgecsi.models.complex_pair import Complex
from edgecsi.models.slepian import BAND, Sizes, slepian

NOISE_FLOOR = 1e-6  # of the mean power
FP32_RIDGE = 1e-5  # of what is summed in an unknown's power: FP32 tells less apart
SILENCE = 1e-12  # noise variance of a user without power

# Where training starts, itself found by training: the weight of the bins at each distance, for every system.
# One looks along the delays, one at the beams beside, one close around.
DELAY_POOLING = ((1.0, 0.2, 0.35, 0.25, 0.15), (1.0, 0.01, 0.01, 0.01, 0.01), (1.0, 1.0, 0.01, 0.01, 0.01))
BEAM_POOLING = (  # by distance in columns, then in rows
    ((1.0, 0.01, 0.3), (0.01, 0.01, 0.01), (0.3, 0.01, 0.01)),
    ((1.0, 1.0, 0.05), (1.0, 0.01, 0.01), (0.01, 0.01, 0.01)),
    ((1.0, 0.2, 0.01), (0.3, 0.01, 0.01), (0.01, 0.01, 0.01)),
)
RIDGE = 25.0  # in units of the noise variance


@dataclass(frozen=True)
class Eliminated:
    """The systems of every bin as L D L^H w = b: B bins, S systems, K unknowns, N Slepian sequences; float32.

    factors: L below each pivot, Complex [user, S, K - 1 - k, B] for pivot k. gains: D^-1 L^-1 b, Complex
    [user, S, K, B]. explained: [user, S*K, B], the power that each component explains. power: [user, N, B],
    the history's by Slepian sequence. noise: [user, 1, 1], the variance of the noise in a real sample.
    """

    factors: tuple[Complex, ...]
    gains: Complex
    explained: Tensor
    power: Tensor
    noise: Tensor


class LinearPrediction(nn.Module):
    """Normal equations of every bin, pooled and eliminated, and the extrapolation of their solutions."""

    def __init__(
        self,
        history: int,
        columns: int,
        rows: int,
        delays: int,
        sizes: Sizes | None = None,
        band: float = BAND,
    ) -> None:
        super().__init__()
        self.sizes = sizes or Sizes.of(history, band)
        taps, basis, unknowns = self.sizes.taps, self.sizes.basis, self.sizes.unknowns
        self.beams, self.unknowns = columns * rows, unknowns
        self.systems = len(DELAY_POOLING)
        self.log_delay = nn.Parameter(torch.tensor(DELAY_POOLING).log())
        self.log_beam = nn.Parameter(torch.tensor(BEAM_POOLING).log())
        self.log_ridge = nn.Parameter(torch.full((self.systems, unknowns, 1), RIDGE).log())

        sequences, low = slepian(history, band), slepian(taps, band)[:, :unknowns]
        whole, beyond = sequences[:, :basis], sequences[:, basis:]
        self._constant("basis", whole.T)
        self._constant("beyond", beyond.T)
        self._constant("low", low)
        self._constant("last", whole[-taps:].T)
        for name, index in zip(("i", "j"), torch.triu_indices(basis, basis), strict=True):
            self._constant(name, index)
        for name, index in zip(("i_below_j", "j_above_i"), torch.triu_indices(basis, basis, 1), strict=True):
            self._constant(name, index)
        self._constant("squares", (self.i == self.j).nonzero()[:, 0])
        real, imaginary = equation_maps(whole, low)
        self._constant("to_terms", term_map(whole, low))
        self._constant("to_real", real)
        self._constant("to_imaginary", imaginary)
        beam, reach = torch.arange(self.beams), self.log_delay.shape[1]
        self._constant("delay_distance", ring_distance(torch.arange(delays), delays).clamp(max=reach))
        apart, reach = max(columns, rows) // 2, self.log_beam.shape[1]
        self.reaches_all = apart < reach  # else some beams are too far from each other to be pooled
        self._constant("column_distance", ring_distance(beam // rows, columns).clamp(max=reach))
        self._constant("row_distance", ring_distance(beam % rows, rows).clamp(max=reach))

    def _constant(self, name: str, value: Tensor) -> None:
        value = value.float() if value.is_floating_point() else value
        self.register_buffer(name, value.contiguous(), persistent=False)

    def to_basis(self, bins: Tensor) -> Tensor:
        """Slepian coefficients: [user, T, 2, polarisation, B] -> [user, N, 2, polarisation, B]."""
        return torch.matmul(self.basis, bins.flatten(2)).unflatten(2, bins.shape[2:])

    def forward(self, bins: Tensor, coefficients: Tensor) -> Eliminated:
        """Eliminate the systems of bins float32 [user, T, 2, polarisation, B], whose `to_basis` is given."""
        noise = self._noise(bins)
        products = self._products(coefficients)
        power = products[:, self.squares]
        pooled = self._pool(products)
        return Eliminated(*eliminate(self._equations(pooled), self._ridge(pooled, noise)), power, noise)

    def _noise(self, bins: Tensor) -> Tensor:
        """Variance of what lies outside of the band, per real sample: [user, 1, 1].

        Not the total less what is inside: an engine that sums one after the other loses clean channels there.
        """
        outside = torch.matmul(self.beyond, bins.flatten(2)).square().mean((1, 2))
        variance = torch.maximum(outside, NOISE_FLOOR * bins.square().mean((1, 2, 3, 4)))
        return variance.clamp(min=SILENCE)[:, None, None]

    def _products(self, z: Tensor) -> Tensor:
        """conj(z_i) z_j, summed over polarisations: real parts for i <= j, imaginary ones for i < j."""
        turned = torch.stack([z[:, :, 1], -z[:, :, 0]], dim=2)
        real = (z[:, self.i] * z[:, self.j]).sum((2, 3))
        imaginary = (z[:, self.i_below_j] * turned[:, self.j_above_i]).sum((2, 3))
        return torch.cat([real, imaginary], dim=1)

    def _pool(self, products: Tensor) -> Tensor:
        """Weighted sums over other bins, per system: [user, n, B] -> [user, S, n, B]."""
        maps = products.unflatten(2, (self.beams, -1))
        beyond = self.log_delay.new_zeros(self.systems, 1)
        delay = torch.cat([self.log_delay.exp(), beyond], dim=1)[:, self.delay_distance]
        beam = self.log_beam.exp() if self.reaches_all else F.pad(self.log_beam.exp(), (0, 1, 0, 1))
        beam = beam[:, self.column_distance, self.row_distance]
        return torch.stack([beam[s] @ (maps @ delay[s]) for s in range(self.systems)], dim=1).flatten(3)

    def _equations(self, products: Tensor) -> Complex:
        """[A | b] of every bin: Complex [user, S, K, K + 1, B]."""
        pairs = len(self.i)
        real = torch.matmul(self.to_real, products[:, :, :pairs])
        imaginary = torch.matmul(self.to_imaginary, products[:, :, pairs:])
        return Complex(real, imaginary).map(lambda part: part.unflatten(2, (self.unknowns, -1)))

    def _ridge(self, products: Tensor, noise: Tensor) -> Tensor:
        """What is added to the diagonal of every system against noise and rounding: [user, S, K, B]."""
        terms = torch.matmul(self.to_terms, products[:, :, self.squares])
        return self.log_ridge.exp() * noise[:, None] + FP32_RIDGE * terms

    def extrapolate(self, solution: Complex, steps: int) -> Complex:
        """What every next sample takes of the history's Slepian coefficients, if each follows from the last.

        solution: Complex [user, K, B] -> Complex [user, steps, N, B].
        """
        one = solution.map(lambda part: torch.matmul(self.low, part))  # [user, tap, B], oldest first
        ahead = [one]
        for _ in range(steps - 1):
            # The newest tap falls on the sample just predicted, which is `one` of the samples before it.
            newest, older = ahead[-1].at[:, -1:], ahead[-1].at[:, :-1]
            shifted = older.map(lambda part: F.pad(part, (0, 0, 1, 0)))
            ahead.append(shifted + newest * one)
        return Complex.stack(ahead, dim=1).map(lambda part: torch.matmul(self.last, part))


def eliminate(rows: Complex, ridge: Tensor) -> tuple[tuple[Complex, ...], Complex, Tensor]:
    """Gauss without pivoting: A + ridge = L D L^H. Returns `Eliminated`'s factors, gains and explained.

    rows: [A | b], Complex [user, S, K, K + 1, B]; ridge: float32 [user, S, K, B].
    """
    factors, gains, explained = [], [], []
    for k in range(ridge.shape[2]):
        pivot, rows = rows.at[:, :, 0], rows.at[:, :, 1:]  # [user, S, column, B]
        inverse = 1 / (pivot.re[:, :, :1].clamp(min=0) + ridge[:, :, k : k + 1])
        target = pivot.at[:, :, -1:]
        gains.append(target.scaled(inverse))
        explained.append((target * gains[-1].conj()).re)
        if rows.re.shape[2]:
            factors.append(rows.at[:, :, :, 0].scaled(inverse))
            rows = rows.at[:, :, :, 1:] - factors[-1].at[:, :, :, None] * pivot.at[:, :, None, 1:]
    return tuple(factors), Complex.cat(gains, dim=2), torch.cat(explained, dim=2).flatten(1, 2)


def solve(parts: Eliminated, weights: Tensor) -> Complex:
    """Sum over systems of w in L^H w = weights * gains: weights [user, S, K, B] -> Complex [user, K, B].

    Weights of one for the first k unknowns solve for these alone: each component is what its unknown adds.
    """
    right = parts.gains.scaled(weights)
    solution = right.at[:, :, -1:]
    for k, factor in reversed(list(enumerate(parts.factors))):
        known = (factor.conj() * solution).map(lambda part: part.sum(2, keepdim=True))
        solution = Complex.cat([right.at[:, :, k : k + 1] - known, solution], dim=2)
    return solution.sum(1)


def equation_maps(basis: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
    """From products of coefficients to [A | b]: float64 [K * (K + 1), products], real and imaginary.

    basis: [T, N]; low: [taps, K]. `seen` makes the K regressors and the target of a frame of taps + 1.
    """
    taps, count = low.shape
    real, imaginary = 0.0, 0.0
    i, j = torch.triu_indices(basis.shape[1], basis.shape[1])
    i2, j2 = torch.triu_indices(basis.shape[1], basis.shape[1], 1)
    for samples, sign in frames(basis, taps):
        seen = torch.cat([seen_through(low, samples), samples[taps:]])
        both = seen[:count, None, :, None] * seen[None, :, None, :]
        real = real + both[..., i, j] + both[..., j, i] * (i != j)
        imaginary = imaginary + sign * (both[..., i2, j2] - both[..., j2, i2])
    return real.flatten(0, 1), imaginary.flatten(0, 1)


def term_map(basis: Tensor, low: Tensor) -> Tensor:
    """From the coefficients' powers to the sizes of the terms that cancel in A's diagonal: [K, N]."""
    return sum(seen_through(low, samples).square() for samples, _ in frames(basis, len(low)))


def seen_through(low: Tensor, samples: Tensor) -> Tensor:
    """low.T @ the past samples, rounded alike on every CPU, as no library's product is: [K, N]."""
    return sum(low[tap, :, None] * samples[tap] for tap in range(len(low)))


def frames(basis: Tensor, taps: int) -> Iterator[tuple[Tensor, int]]:
    """All taps + 1 samples in a row, forward and backward, with the sign of their imaginary part."""
    for first in range(len(basis) - taps):
        frame = basis[first : first + taps + 1]
        yield frame, 1
        yield frame.flip(0), -1


def ring_distance(place: Tensor, size: int) -> Tensor:
    """Distance of all pairs of places on a ring: int64 [place, place]."""
    apart = (place[:, None] - place) % size
    return torch.minimum(apart, size - apart)
