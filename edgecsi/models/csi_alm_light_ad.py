"""CSI-ALM-Light-AD: the student that knows the array, CSI-ALM-Light's sibling in the angle-delay domain.

A fixed transform makes angle-delay bins, linear prediction is solved in each of them in closed form, and a
small network weighs the parts of the solutions. It sees how far each part rises above the noise, which it
infers by itself: one network serves every SNR. For FDD the uplink predicted so is extended along frequency.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn

from edgecsi.errors import ModelError
from edgecsi.models.band_extension import BandExtension
from edgecsi.models.baselines.band_ar import gap_subcarriers, why_not_beyond_band
from edgecsi.models.complex_pair import Complex, as_real, dft, inverse_dft
from edgecsi.models.linear_prediction import LinearPrediction, solve
from edgecsi.models.network import NETWORKS, Network, NetworkOptions, no_relations
from edgecsi.models.prediction import Prediction
from edgecsi.models.scaling import normalise
from edgecsi.models.slepian import BAND, why_not_predicted
from edgecsi.radio import ArrayGeometry, RadioSetting

if TYPE_CHECKING:
    from edgecsi.models.backbones import Backbone
    from edgecsi.models.folder import ModelConfig

SOFT_FLOOR = 0.3  # noise variances added before a logarithm: nothing below the noise is told apart
LOG_SCALE = 0.3  # brings the logarithms to about 1
MARGIN = 1.1  # of the Doppler band over the fastest user's shift: the edges of a band are predicted worst


class CsiAlmLightAdOptions(NetworkOptions):
    """Its size, and the Doppler shifts that it can predict."""

    width: int = Field(64, ge=1, le=4096, description="Channels of the network that weighs the solutions.")
    doppler_band: float = Field(
        BAND,
        gt=0,
        le=0.4,
        description="Largest Doppler shift in cycles per sample; if not given, what training users need.",
    )


class CsiAlmLightAd(nn.Module):
    """Student network. Input and output as in :class:`edgecsi.models.prediction.TaskNetwork`."""

    def __init__(self, radio: RadioSetting, options: CsiAlmLightAdOptions = CsiAlmLightAdOptions()) -> None:
        super().__init__()
        array, subcarriers, width = radio.array, radio.subcarriers, options.width
        self.radio, self.doppler_band = radio, options.doppler_band
        self.antennas, self.beams, self.polarisations = array.antennas, array.beams, array.polarisations
        self.register_buffer("to_delays", delay_transform(subcarriers), persistent=False)
        self.register_buffer("to_beams", beam_transform(array), persistent=False)
        self.linear = LinearPrediction(
            radio.history, array.columns, array.rows, subcarriers, band=options.doppler_band
        )
        systems, sizes = self.linear.systems, self.linear.sizes
        self.embedding = nn.Linear(sizes.basis + systems * sizes.unknowns + 1, width)
        self.context = nn.Linear(width, width)
        self.neighbours = Neighbours(width, self.beams)
        self.component_weights = nn.Linear(width, systems * sizes.unknowns)
        self.filter_gains = nn.Linear(width, radio.future * sizes.basis)
        self.extension = None
        if radio.duplex == "fdd":
            self.extension = BandExtension(subcarriers, gap_subcarriers(radio))
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
        real_samples = 2 * self.polarisations  # that `seen` is summed over
        seen = LOG_SCALE * torch.cat([(seen / real_samples + SOFT_FLOOR).log(), level], dim=1)
        hidden = over_bins(self.embedding, seen)
        hidden = hidden + over_bins(self.context, hidden.relu().mean(2, keepdim=True))  # of the whole user
        hidden = self.neighbours(hidden.relu()).relu()

        weights = over_bins(self.component_weights, hidden).unflatten(1, (self.linear.systems, -1))
        filters = self.linear.extrapolate(solve(parts, weights), self.radio.future)  # [user, P, N, bin]
        gains = over_bins(self.filter_gains, hidden).unflatten(1, (self.radio.future, -1))
        filters = filters.scaled(gains)
        future = apply(filters, history)
        if self.extension is None:
            return self.from_bins(future) * rms * peak
        other_band = self.extension(self.to_subcarriers(history), self.to_subcarriers(future))
        return self.from_beams(other_band) * rms * peak

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """Future CSI; ModelError where relations are asked for: there is no self-attention."""
        if relations:
            raise no_relations("csi-alm-light-ad")
        return Prediction(future=self(csi))

    def to_bins(self, csi: Tensor) -> Tensor:
        """[user, antenna, T, subcarrier, 2] -> [user, T, 2, polarisation, beam * delay]."""
        by_time = csi.transpose(1, 2).flatten(3)
        delays = torch.matmul(by_time, self.to_delays).unflatten(3, (2, -1)).flatten(2, 3)
        return (
            torch.matmul(self.to_beams, delays).unflatten(2, (2, self.polarisations, self.beams)).flatten(4)
        )

    def to_subcarriers(self, bins: Tensor) -> Complex:
        """[user, T, 2, polarisation, beam * delay] -> Complex [user, beam, T * polarisation, subcarrier]."""
        by_beam = bins.unflatten(4, (self.beams, -1)).permute(0, 4, 1, 3, 2, 5).flatten(4).flatten(2, 3)
        samples = torch.matmul(by_beam, self.to_delays.T).unflatten(3, (-1, 2))
        return Complex(samples[..., 0], samples[..., 1])

    def from_beams(self, beams: Complex) -> Tensor:
        """[user, beam, T * polarisation, subcarrier] -> [user, antenna, T, subcarrier, 2]."""
        by_time = torch.stack([beams.re, beams.im], dim=1).unflatten(3, (-1, self.polarisations))
        antennas = torch.matmul(self.to_beams.T, by_time.permute(0, 3, 1, 4, 2, 5).flatten(2, 4))
        return antennas.unflatten(2, (self.antennas, 2)).permute(0, 2, 1, 4, 3)

    def from_bins(self, bins: Tensor) -> Tensor:
        """Inverse of :meth:`to_bins`: both transforms are orthogonal."""
        delays = torch.matmul(self.to_beams.T, bins.unflatten(4, (self.beams, -1)).flatten(2, 4))
        by_time = torch.matmul(delays.unflatten(2, (self.antennas, 2)).flatten(3), self.to_delays.T)
        return by_time.unflatten(3, (-1, 2)).transpose(1, 2)


class Neighbours(nn.Module):
    """Residual layer in which a bin sees all beams and the delays beside it."""

    def __init__(self, width: int, beams: int) -> None:
        super().__init__()
        self.beams = nn.Parameter(0.05 * torch.randn(beams, beams))
        self.delays = nn.Conv2d(width, width, kernel_size=(1, 3))
        self.out = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """float32 [user, width, bin] -> the same."""
        maps = hidden.unflatten(2, (len(self.beams), -1))
        maps = maps + torch.matmul(self.beams, maps)
        ring = torch.cat([maps[..., -1:], maps, maps[..., :1]], dim=3)
        return hidden + over_bins(self.out, self.delays(ring).relu().flatten(2))


def over_bins(layer: nn.Linear, values: Tensor) -> Tensor:
    """A linear layer over axis 1 of [user, feature, bin]; bins stay last."""
    return torch.matmul(layer.weight, values) + layer.bias[:, None]


def apply(filters: Complex, history: Tensor) -> Tensor:
    """[user, P, N, bin] on [user, N, 2, polarisation, bin] -> [user, P, 2, polarisation, bin]."""
    samples = Complex(history[:, None, :, 0], history[:, None, :, 1])
    future = (filters.at[:, :, :, None] * samples).sum(2)
    return torch.stack([future.re, future.im], dim=2)


def delay_transform(subcarriers: int) -> Tensor:
    """Unitary IDFT over subcarriers as a real matrix: [subcarrier, re/im] x [re/im, delay]."""
    return inverse_dft(subcarriers).reshape(2 * subcarriers, 2 * subcarriers).float()


def beam_transform(array: ArrayGeometry, basis: Callable[[int], Tensor] = dft) -> Tensor:
    """Unitary 2-D DFT per polarisation as a real matrix: [re/im, polarisation, beam] x [antenna, re/im].

    basis: another transform of an axis, its size -> complex128 [element, beam].
    """
    antennas = torch.eye(array.antennas, dtype=torch.complex128)[:, torch.from_numpy(array.places())]
    columns, rows = basis(array.columns), basis(array.rows)
    beams = torch.einsum("acrp,cC,rR->apCR", antennas, columns, rows).flatten(1)
    return as_real(beams).flatten(0, 1).flatten(1).T.contiguous().float()


def why_not(radio: RadioSetting) -> str | None:
    """Why it can't do a setting; None when it can."""
    beyond = why_not_beyond_band(radio) if radio.duplex == "fdd" else None
    return why_not_predicted(radio.history) or beyond


def options_for(radio: RadioSetting, fastest_kmh: float) -> dict[str, float]:
    """The Doppler band that users of this speed take, where the usual one is too narrow for them."""
    wanted = MARGIN * radio.doppler_cycles(fastest_kmh)
    return {"doppler_band": math.ceil(wanted * 100) / 100} if wanted > MARGIN * BAND else {}


def _build(config: ModelConfig, backbone: Backbone | None) -> nn.Module:
    options = CsiAlmLightAdOptions(**config.options)
    if why := why_not_predicted(config.radio.history, options.doppler_band):
        raise ModelError(f"csi-alm-light-ad with a Doppler band of {options.doppler_band:g} {why}")
    return CsiAlmLightAd(config.radio, options)


NETWORKS.register(
    Network(
        name="csi-alm-light-ad",
        summary="linear prediction per angle-delay bin, weighed by a small network",
        build=_build,
        options=CsiAlmLightAdOptions,
        requires_array=True,
        requires_fp32_solver=True,
        options_for=options_for,
        why_not=why_not,
        module=__name__,
    )
)
