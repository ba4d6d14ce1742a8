"""CSI-ALM-Light-AD: the student that knows the array, CSI-ALM-Light's sibling in the angle-delay domain.

A fixed transform makes angle-delay bins, linear prediction is solved in each of them in closed form, and a
small network weighs the parts of the solutions. It sees how far each part rises above the noise, which it
infers by itself: one network serves every SNR. For FDD the uplink predicted so is extended along frequency.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from edgecsi.csi import CsiShape
from edgecsi.errors import ModelError
from edgecsi.models.band_extension import BandExtension
from edgecsi.models.baselines.angle_delay import ANTENNAS, COLUMNS, POLARISATIONS, ROWS
from edgecsi.models.baselines.band_ar import TAPS as BAND_TAPS
from edgecsi.models.complex_pair import Complex, as_real, inverse_dft
from edgecsi.models.linear_prediction import BASIS, TAPS, UNKNOWNS, LinearPrediction, solve
from edgecsi.models.prediction import Prediction
from edgecsi.models.scaling import normalise

BEAMS = COLUMNS * ROWS
SOFT_FLOOR = 0.3  # noise variances added before a logarithm: nothing below the noise is told apart
LOG_SCALE = 0.3  # brings the logarithms to about 1


class CsiAlmLightAd(nn.Module):
    """Student network. Input and output as in :class:`edgecsi.models.prediction.Network`."""

    def __init__(self, shape: CsiShape, duplex: Literal["tdd", "fdd"] = "tdd", width: int = 64) -> None:
        super().__init__()
        if shape.antennas != ANTENNAS or shape.history <= TAPS:
            raise ModelError(
                f"csi-alm-light-ad needs {ANTENNAS} antennas ({COLUMNS}x{ROWS}, dual-polarised) and more "
                f"than {TAPS} samples of history, not {shape.antennas} antennas and {shape.history} samples"
            )
        if duplex == "fdd" and shape.subcarriers <= BAND_TAPS:
            raise ModelError(
                f"csi-alm-light-ad needs more than {BAND_TAPS} subcarriers for FDD, not {shape.subcarriers}"
            )
        self.shape = shape
        self.register_buffer("to_delays", delay_transform(shape.subcarriers), persistent=False)
        self.register_buffer("to_beams", beam_transform(), persistent=False)
        self.linear = LinearPrediction(shape.history, COLUMNS, ROWS, shape.subcarriers)
        systems = self.linear.systems
        self.embedding = nn.Linear(BASIS + systems * UNKNOWNS + 1, width)
        self.context = nn.Linear(width, width)
        self.neighbours = Neighbours(width)
        self.component_weights = nn.Linear(width, systems * UNKNOWNS)
        self.filter_gains = nn.Linear(width, shape.future * BASIS)
        self.extension = BandExtension(shape.subcarriers) if duplex == "fdd" else None
        for layer, start in (
            (self.context, 0),
            (self.component_weights, 1 / systems),
            (self.filter_gains, 1),
        ):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, start)  # training starts at the mean of the systems' solutions

    def forward(self, csi: Tensor) -> Tensor:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        unit, rms, peak = normalise(csi)
        bins = self.to_bins(unit)
        history = self.linear.to_basis(bins)
        parts = self.linear(bins, history)

        seen = torch.cat([parts.power, parts.explained], dim=1).clamp(min=0) / parts.noise
        level = -parts.noise.log().expand(-1, 1, bins.shape[-1])
        seen = LOG_SCALE * torch.cat([(seen / 4 + SOFT_FLOOR).log(), level], dim=1)
        hidden = over_bins(self.embedding, seen)
        hidden = hidden + over_bins(self.context, hidden.relu().mean(2, keepdim=True))  # of the whole user
        hidden = self.neighbours(hidden.relu()).relu()

        weights = over_bins(self.component_weights, hidden).unflatten(1, (self.linear.systems, UNKNOWNS))
        filters = self.linear.extrapolate(solve(parts, weights), self.shape.future)  # [user, P, BASIS, bin]
        filters = filters.scaled(over_bins(self.filter_gains, hidden).unflatten(1, (-1, BASIS)))
        future = apply(filters, history)
        if self.extension is None:
            return self.from_bins(future) * rms * peak
        other_band = self.extension(self.to_subcarriers(history), self.to_subcarriers(future))
        return self.from_beams(other_band) * rms * peak

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """Future CSI; ModelError where relations are asked for: there is no self-attention."""
        if relations:
            raise ModelError(
                "csi-alm-light-ad has no relations to distil; take csi-alm-light or csi-alm-light-delta"
            )
        return Prediction(future=self(csi))

    def to_bins(self, csi: Tensor) -> Tensor:
        """[user, antenna, T, subcarrier, 2] -> [user, T, 2, polarisation, beam * delay]."""
        by_time = csi.transpose(1, 2).flatten(3)
        delays = torch.matmul(by_time, self.to_delays).unflatten(3, (2, -1)).flatten(2, 3)
        return torch.matmul(self.to_beams, delays).unflatten(2, (2, POLARISATIONS, BEAMS)).flatten(4)

    def to_subcarriers(self, bins: Tensor) -> Complex:
        """[user, T, 2, polarisation, beam * delay] -> Complex [user, beam, T * polarisation, subcarrier]."""
        by_beam = bins.unflatten(4, (BEAMS, -1)).permute(0, 4, 1, 3, 2, 5).flatten(4).flatten(2, 3)
        samples = torch.matmul(by_beam, self.to_delays.T).unflatten(3, (-1, 2))
        return Complex(samples[..., 0], samples[..., 1])

    def from_beams(self, beams: Complex) -> Tensor:
        """[user, beam, T * polarisation, subcarrier] -> [user, antenna, T, subcarrier, 2]."""
        by_time = torch.stack([beams.re, beams.im], dim=1).unflatten(3, (-1, POLARISATIONS))
        antennas = torch.matmul(self.to_beams.T, by_time.permute(0, 3, 1, 4, 2, 5).flatten(2, 4))
        return antennas.unflatten(2, (ANTENNAS, 2)).permute(0, 2, 1, 4, 3)

    def from_bins(self, bins: Tensor) -> Tensor:
        """Inverse of :meth:`to_bins`: both transforms are orthogonal."""
        delays = torch.matmul(self.to_beams.T, bins.unflatten(4, (BEAMS, -1)).flatten(2, 4))
        by_time = torch.matmul(delays.unflatten(2, (ANTENNAS, 2)).flatten(3), self.to_delays.T)
        return by_time.unflatten(3, (-1, 2)).transpose(1, 2)


class Neighbours(nn.Module):
    """Residual layer in which a bin sees all beams and the delays beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.beams = nn.Parameter(0.05 * torch.randn(BEAMS, BEAMS))
        self.delays = nn.Conv2d(width, width, kernel_size=(1, 3))
        self.out = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """float32 [user, width, bin] -> the same."""
        maps = hidden.unflatten(2, (BEAMS, -1))
        maps = maps + torch.matmul(self.beams, maps)
        ring = torch.cat([maps[..., -1:], maps, maps[..., :1]], dim=3)
        return hidden + over_bins(self.out, self.delays(ring).relu().flatten(2))


def over_bins(layer: nn.Linear, values: Tensor) -> Tensor:
    """A linear layer over axis 1 of [user, feature, bin]; bins stay last."""
    return torch.matmul(layer.weight, values) + layer.bias[:, None]


def apply(filters: Complex, history: Tensor) -> Tensor:
    """[user, P, BASIS, bin] on [user, BASIS, 2, polarisation, bin] -> [user, P, 2, polarisation, bin]."""
    samples = Complex(history[:, None, :, 0], history[:, None, :, 1])
    future = (filters.at[:, :, :, None] * samples).sum(2)
    return torch.stack([future.re, future.im], dim=2)


def delay_transform(subcarriers: int) -> Tensor:
    """Unitary IDFT over subcarriers as a real matrix: [subcarrier, re/im] x [re/im, delay]."""
    return inverse_dft(subcarriers).reshape(2 * subcarriers, 2 * subcarriers).float()


def beam_transform() -> Tensor:
    """Unitary 2-D DFT per polarisation as a real matrix: [re/im, polarisation, beam] x [antenna, re/im]."""
    antennas = torch.eye(ANTENNAS, dtype=torch.complex128).reshape(ANTENNAS, COLUMNS, ROWS, POLARISATIONS)
    beams = torch.fft.fft2(antennas, dim=(1, 2), norm="ortho").permute(0, 3, 1, 2).flatten(1)
    return as_real(beams).flatten(0, 1).flatten(1).T.contiguous().float()
