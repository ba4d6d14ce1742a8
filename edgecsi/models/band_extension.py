"""The adjacent band by linear prediction along frequency, from operators that every engine has.

A path of delay d turns by the same phase from every subcarrier to the next, on all antennas and at all times.
So a beam obeys one recurrence z[k] = sum_i w[i] z[k - TAPS + i] along the subcarriers, which its whole
history tells, and which goes on beyond the band's upper edge. As edgecsi.models.baselines.band_ar, but ridge
and shares are trained, conjugate gradients solve the equations, and several subcarriers are made at once.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgecsi.models.baselines.band_ar import SHARING, band_taps
from edgecsi.models.complex_pair import Complex

BLOCK = 8  # subcarriers that are extrapolated at once
ITERATIONS = 20  # of the conjugate gradients
RIDGE = 1e-2  # of the mean diagonal; training starts here, and with the SHARING of the classical predictor
SMALL = 1e-18  # nothing: its reciprocal, squared for the gradient, is still a number


class BandExtension(nn.Module):
    """From samples of a band to as many subcarriers above it, beam by beam.

    gap: how many subcarriers lie between the two. taps: that the next one follows from; at least BLOCK.
    """

    def __init__(self, subcarriers: int, gap: int = 0, taps: int | None = None) -> None:
        super().__init__()
        taps = taps or band_taps(subcarriers)
        self.subcarriers, self.gap, self.taps = subcarriers, gap, taps
        self.log_ridge = nn.Parameter(torch.tensor(math.log(RIDGE)))
        self.log_sharing = nn.Parameter(torch.tensor(math.log(SHARING)))
        self.trust = nn.Parameter(torch.ones(subcarriers))  # the farther, the less
        window = torch.arange(subcarriers - taps)[:, None] + torch.arange(taps + 1)
        self.register_buffer("windows", window, persistent=False)
        self.register_buffer("mirrored", torch.arange(taps, -1, -1), persistent=False)
        known, unknown = recurrence_places(taps, BLOCK)
        self.register_buffer("known", known, persistent=False)
        self.register_buffer("unknown", unknown, persistent=False)

    def forward(self, history: Complex, future: Complex) -> Complex:
        """The band above that of `future` [user, beam, any, K], by what `history`, alike, teaches."""
        block = self.next_block(self.solve(self.equations(history)))
        last, blocks = future.at[..., -self.taps :], []
        for _ in range(-(-(self.gap + self.subcarriers) // BLOCK)):
            blocks.append(matmul(last, block))
            last = Complex.cat([last.at[..., BLOCK:], blocks[-1]], dim=-1)
        above = Complex.cat(blocks, dim=-1).at[..., self.gap : self.gap + self.subcarriers]
        return above.scaled(self.trust)

    def equations(self, samples: Complex) -> Complex:
        """conj(z_i) z_j over all windows, forward and, conjugated, backward: [user, beam, taps + 1, same]."""
        frames = samples.at[..., self.windows].map(lambda part: part.flatten(2, 3))
        across = frames.map(lambda part: part.transpose(-1, -2))
        turned = torch.matmul(across.re, frames.im)
        forward = Complex(
            torch.matmul(across.re, frames.re) + torch.matmul(across.im, frames.im),
            turned - turned.transpose(-1, -2),
        )
        both = forward + forward.at[..., self.mirrored, :].at[..., self.mirrored].conj()
        return both + both.map(lambda part: part.sum(1, keepdim=True)).scaled(self.log_sharing.exp())

    def solve(self, equations: Complex) -> Complex:
        """(A + ridge) w = b by conjugate gradients, as real numbers: [user, beam, taps, 1]."""
        a, b = equations.at[..., :-1, :-1], equations.at[..., :-1, -1:]
        level = a.re.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] / self.taps
        scale = 1 / level.clamp(min=SMALL)
        system = scale * torch.cat([torch.cat([a.re, -a.im], -1), torch.cat([a.im, a.re], -1)], -2)
        residual = scale * torch.cat([b.re, b.im], -2)
        ridge = self.log_ridge.exp()
        solution, direction, energy = torch.zeros_like(residual), residual, _energy(residual)
        for _ in range(ITERATIONS):
            moved = torch.matmul(system, direction) + ridge * direction
            step = energy * (1 / (direction * moved).sum(-2, keepdim=True).clamp(min=SMALL))
            solution = solution + step * direction
            residual = residual - step * moved
            inverse, energy = 1 / energy.clamp(min=SMALL), _energy(residual)
            direction = residual + energy * inverse * direction
        return Complex(*solution.chunk(2, dim=-2))

    def next_block(self, weights: Complex) -> Complex:
        """The BLOCK subcarriers above as combinations of the last `taps`: [user, beam, taps, BLOCK].

        y = B z + N y with strictly triangular N, so y = (1 + N)(1 + N^2)(1 + N^4) B z.
        """
        padded = weights.at[..., 0].map(lambda part: F.pad(part, (0, 1)))
        result, power = padded.at[..., self.known], padded.at[..., self.unknown]  # transposed: columns are y
        for _ in range(int(math.log2(BLOCK))):
            result = result + matmul(result, power)
            power = matmul(power, power)
        return result


def recurrence_places(taps: int, block: int) -> tuple[Tensor, Tensor]:
    """Which weight every known [taps, block] and every earlier unknown [block, block] sample has in y.

    y[s] = sum_i w[i] z[s + i], where z[taps + r] is y[r]; `taps` stands for no weight at all.
    """
    sample, step = torch.arange(taps + block)[:, None], torch.arange(block)
    place = sample - step
    place = torch.where((place >= 0) & (place < taps), place, taps)
    return place[:taps], place[taps:]


def matmul(one: Complex, other: Complex) -> Complex:
    """Complex matrix product."""
    return Complex(
        torch.matmul(one.re, other.re) - torch.matmul(one.im, other.im),
        torch.matmul(one.re, other.im) + torch.matmul(one.im, other.re),
    )


def _energy(vector: Tensor) -> Tensor:
    return vector.square().sum(-2, keepdim=True)
