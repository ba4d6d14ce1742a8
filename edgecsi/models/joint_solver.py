"""Unrolled steps that find the power map of each delay, and the LMMSE prediction by it.

A delay's samples on all beams and slow Slepian sequences are one vector z, each polarisation a snapshot of
it. Of a map P of powers over angles and Doppler shifts follow the covariance R = sum P s s^T + load and the
prediction, s ahead of time by P s^T R^-1 z. The map starts as Bartlett's, s^T z squared. A step multiplies it
by (|s^T R^-1 z|^2 / s^T R^-1 s)^eta, one where R explains z, both pooled over neighbours in the map and
among the delays. All in units of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgecsi.models.elimination import eliminate
from edgecsi.models.power_map import PowerMap
from edgecsi.radio import RadioSetting

MAX_STEPS = 3
ENERGY_SHARE = 0.75  # of a wave's energy that counts in the start's scale
LEAST_POWER = 1e-3  # of the start, before it is sharpened
LEAST_GAIN = 1e-6  # of s^T R^-1 s, which is positive but for rounding
LEAST_POOLED = 1e-9
LOAD_SHARE = 1e-5  # of the map's sum, for FP32
USUAL_NOISE, DECADES, REACH = (
    -2.0,
    2.0,
    1.5,
)  # log10 of the noise at which a scalar has its value; its slope's

# Where training starts: values at a relative noise of 0.01, and slopes per two decades. Trained for 3 minutes
# of one core on Sionna UMa NLoS TDD at 5-30 dB SNR, for three steps and 16 delays; logarithms but for eta,
# the sharpness and the gate (a logit). Pairs are those of numerator and denominator.
START: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "pool_delay": (
        (-0.714895, -1.712338, 0.18258, -2.071926, -1.377922, -2.118699),
        (-0.068721, -0.110925, 0.282857, -0.33514, -0.269641, -0.190995),
    ),
    "pool_angle": (
        (-0.876058, -2.65626, -1.395969, -2.560598, -2.016809, -1.38782),
        (0.180048, -0.430206, -0.242306, 0.075898, -0.101243, 0.206997),
    ),
    "pool_doppler": (
        (-0.225782, -3.510074, -2.128174, -4.085104, -3.448143, -3.25989),
        (0.063414, -0.013634, -0.71451, -0.288462, -0.420272, 0.284084),
    ),
    "eta": ((2.111995, 2.378464, 2.078862), (-0.203288, 0.475061, -0.200939)),
    "scale": (
        (-0.293835, -0.212722, -0.374181, 0.200002),
        (-0.028648, -0.043936, -0.004239, 0.063641),
    ),
    "start": ((1.450791, -0.293835, -3.480634), (0.216475, -0.028648, 0.41698)),
    "load": ((0.552427,), (-0.060086,)),
    "gate": ((1.615347,), (0.157193,)),
}
POOLS = ("pool_delay", "pool_angle", "pool_doppler")


@dataclass(frozen=True)
class Tokens:
    """The delays that are solved: of each user, of every grid.

    samples: [user, grid, delay, 2, polarisation, N], noise of variance 1. rise: [user, grid, delay], mean
    power above the noise. beside: [user, grid, delay, delay], 1 for two delays beside each other.
    """

    samples: Tensor
    rise: Tensor
    beside: Tensor


class JointSolver(nn.Module):
    """Maps of powers and predictions of tokens, by scalars that depend on the user's noise."""

    def __init__(self, radio: RadioSetting, steps: int, angles: int, dopplers: int, band: float) -> None:
        super().__init__()
        self.steps = steps
        self.map = PowerMap(radio, angles, dopplers, band)
        self.energy = radio.array.beams * radio.history * ENERGY_SHARE
        self.scalars = nn.ParameterDict()
        for name, values in START.items():
            start = torch.tensor(values)
            if name in POOLS:
                start = start.unflatten(1, (MAX_STEPS, 2))[:, :steps]
            elif name == "eta":
                start = start[:, :steps]
            elif name == "scale":
                start = torch.cat([start[:, :steps], start[:, -1:]], dim=1)
            self.scalars[name] = nn.Parameter(start.contiguous())

    def at(self, noise: Tensor) -> dict[str, Tensor]:
        """The scalars for relative noise variances [user]: each [user, ...]."""
        level = ((noise.log10() - USUAL_NOISE).clamp(-REACH, REACH) / DECADES)[:, None]
        found = {}
        for name, (value, slope) in self.scalars.items():
            flat = value.flatten() + level * slope.flatten()
            found[name] = flat.unflatten(1, value.shape)
        return found

    def forward(self, tokens: Tokens, scalars: dict[str, Tensor]) -> Tensor:
        """Prediction [user, grid, delay, 2, polarisation, beam, P], in the units of the samples."""
        right = tokens.samples.flatten(0, 2).flatten(1, 2)  # [system, 2 * polarisation, N]
        power = self._start(tokens, scalars)
        for step in range(self.steps):
            power = power * _over_map(scalars["scale"][:, step].exp())
            solved = eliminate(self._covariance(power, scalars), right)
            found = self._snapshots(self.map.project(solved.solution()), tokens)
            gain = self.map.diagonal(solved.inverse()).clamp(min=LEAST_GAIN).view_as(power)
            pooled = self._pool(torch.stack([power * found, power * gain], dim=1), tokens, scalars, step)
            ratio = pooled.clamp(min=LEAST_POOLED).log()  # an engine may drop so small a sum
            power = power * ((ratio[:, 0] - ratio[:, 1]) * _over_map(scalars["eta"][:, step])).exp()
        power = power * _over_map(scalars["scale"][:, -1].exp())
        amplitudes = self.map.project(eliminate(self._covariance(power, scalars), right).solution())
        amplitudes = amplitudes.view(*tokens.samples.shape[:-1], *power.shape[3:])
        return self.map.ahead(amplitudes * power[:, :, :, None, None])

    def _start(self, tokens: Tokens, scalars: dict[str, Tensor]) -> Tensor:
        """Bartlett's map, sharpened, with the sum that the delay's power asks for."""
        sharpness, level, least = scalars["start"].unbind(1)
        seen = self.map.project(tokens.samples).square().sum(3).mean(3) / self.energy
        power = (seen.clamp(min=LEAST_POWER).log() * _over_map(sharpness)).exp()
        share = self.map.size / self.energy
        wanted = (tokens.rise + least.exp()[:, None, None]) * share * level.exp()[:, None, None]
        return power * (wanted / power.sum((3, 4, 5)))[..., None, None, None]

    def _covariance(self, power: Tensor, scalars: dict[str, Tensor]) -> Tensor:
        """R of every token: [system, N, N]."""
        load = scalars["load"].exp()[:, :, None] + LOAD_SHARE * power.sum((3, 4, 5))
        identity = torch.eye(self.map.size, dtype=power.dtype, device=power.device)
        loaded = self.map.covariance(power) + load[..., None, None] * identity
        return loaded.flatten(0, 2)

    def _snapshots(self, found: Tensor, tokens: Tokens) -> Tensor:
        """Power of [system, 2 * polarisation, map], mean over polarisations: [user, grid, delay, map]."""
        parts = found.view(*tokens.samples.shape[:-1], *found.shape[2:])
        return parts.square().sum(3).mean(3)

    def _pool(self, maps: Tensor, tokens: Tokens, scalars: dict[str, Tensor], step: int) -> Tensor:
        """Weighted means over neighbours of [user, 2, grid, delay, map]; delays not solved count 0."""
        delay, angle, doppler = (scalars[name][:, step].exp() for name in POOLS)  # [user, 2]
        flat = maps.flatten(4)
        flat = flat + delay[:, :, None, None, None] * torch.matmul(tokens.beside[:, None], flat)
        maps = flat.view_as(maps)
        total = 1 + 2 * delay
        for axis, count in zip((4, 5), self.map.angles, strict=True):
            if count > 1:
                ring = torch.cat([maps.narrow(axis, count - 1, 1), maps, maps.narrow(axis, 0, 1)], dim=axis)
                maps = maps + _over_pairs(angle) * (ring.narrow(axis, 0, count) + ring.narrow(axis, 2, count))
                total = total * (1 + 2 * angle)
        line, count = F.pad(maps, (1, 1)), self.map.dopplers
        maps = maps + _over_pairs(doppler) * (line.narrow(6, 0, count) + line.narrow(6, 2, count))
        return maps / _over_pairs(total * (1 + 2 * doppler))


def _over_map(scalar: Tensor) -> Tensor:
    """[user] -> against [user, grid, delay, column angle, row angle, Doppler]."""
    return scalar[:, None, None, None, None, None]


def _over_pairs(pair: Tensor) -> Tensor:
    """[user, 2] -> against [user, 2, grid, delay, column angle, row angle, Doppler]."""
    return pair[:, :, None, None, None, None, None]
