"""CSI-Joint: the array student, and on the strongest delays a joint array x time LMMSE solver.

The array student (csi-alm-light-ad, whose weights are part of this network) predicts each angle-delay bin by
itself. A path is in many bins: on the delays that hold most power, all beams and samples are solved together
(edgecsi.models.joint_solver), on one grid of delays or the mean of two, half a delay apart. How much the
solution counts follows from the noise: all the way up to 30 dB SNR and nothing from 50 dB on, where
FP32 no longer holds its equations. With 0 steps it is the array student.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn

from edgecsi.errors import ModelError
from edgecsi.models import csi_alm_light_ad
from edgecsi.models.complex_pair import as_real, dft
from edgecsi.models.csi_alm_light_ad import CsiAlmLightAd, CsiAlmLightAdOptions, beam_transform
from edgecsi.models.folder import WEIGHTS_FILE, load_config
from edgecsi.models.joint_solver import MAX_STEPS, JointSolver, Tokens
from edgecsi.models.network import NETWORKS, Network, NetworkOptions, no_relations
from edgecsi.models.power_map import real_beams, slow_basis
from edgecsi.models.prediction import Prediction
from edgecsi.models.scaling import normalise
from edgecsi.models.shipped import shipped
from edgecsi.models.slepian import BAND, why_not_predicted
from edgecsi.radio import RadioSetting

if TYPE_CHECKING:
    from edgecsi.models.backbones import Backbone
    from edgecsi.models.folder import ModelConfig

NOISE_FLOOR = 3e-4  # relative: the equations see no history cleaner than this
SILENCE = 1e-12
FADES, GONE = -3.0, -5.0  # log10 of the relative noise from which the solution counts less, and nothing
MAX_UNKNOWNS = 512  # of a delay's system


class CsiJointOptions(NetworkOptions):
    """How far up the ladder from the array student to the best."""

    steps: int = Field(3, ge=0, le=MAX_STEPS, description="Steps that find the power maps; 0: no solver.")
    delays: int = Field(16, ge=8, le=48, description="Delays that are solved, if there are as many.")
    grids: int = Field(2, ge=1, le=2, description="Grids of delays, half a delay apart, that are averaged.")
    angles: int = Field(
        12, ge=4, le=32, description="Angles of the map along four elements; an axis has as many per element."
    )
    dopplers: int = Field(
        25, ge=5, le=65, description="Doppler shifts of the map at 16 samples in the usual band."
    )
    doppler_band: float = Field(
        BAND,
        gt=0,
        le=0.4,
        description="Largest Doppler shift in cycles per sample; if not given, what training users need.",
    )


class CsiJoint(nn.Module):
    """Student network. Input and output as in :class:`edgecsi.models.prediction.TaskNetwork`."""

    def __init__(self, radio: RadioSetting, options: CsiJointOptions = CsiJointOptions()) -> None:
        super().__init__()
        self.radio, self.steps, self.grids = radio, options.steps, options.grids
        self.array_student = CsiAlmLightAd(radio, CsiAlmLightAdOptions(doppler_band=options.doppler_band))
        self.student_is_given = False
        if not options.steps:
            return
        array = radio.array
        self.delays, self.polarisations = min(options.delays, radio.subcarriers), array.polarisations
        self.solver = JointSolver(
            radio, options.steps, options.angles, options.dopplers, options.doppler_band
        )
        low, beyond, turns = slow_basis(radio.history, options.doppler_band)
        self._constant("to_slow", as_real(low * turns).flatten(2).flatten(0, 1).T)
        self._constant("beyond", beyond.T)
        self._constant("to_beams", beam_transform(array, real_beams))
        self._constant("to_delays", delay_grids(radio.subcarriers, options.grids))
        self.register_buffer("place", torch.arange(radio.subcarriers), persistent=False)

    def _constant(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value.float().contiguous(), persistent=False)

    def forward(self, csi: Tensor) -> Tensor:
        """float32 [user, antenna, T, K, 2] -> float32 [user, antenna, P, K, 2]."""
        student: Tensor = self.array_student(csi)
        if not self.steps:
            return student
        if self.student_is_given:
            student = student.detach()  # only the solver is trained
        unit, rms, peak = normalise(csi)
        noise = self._noise(unit)
        seen = noise.clamp(min=NOISE_FLOOR)
        amplitude = (2 * seen).sqrt()[:, None, None, None]  # of complex samples
        scalars = self.solver.at(seen)

        samples = self._slow(unit) / amplitude[..., None]
        tokens, chosen = self._choose(self._to_delays(samples))
        found = self.solver(tokens, scalars).flatten(3) * amplitude
        kept = torch.matmul(chosen, self._to_delays(student).flatten(3))
        trust = scalars["gate"][:, 0].sigmoid() * ((noise.log10() - GONE) / (FADES - GONE)).clamp(0, 1)
        change = trust[:, None, None, None] * (found * (rms * peak)[..., 0] - kept)
        return student + self._from_delays(torch.matmul(chosen.transpose(2, 3), change))

    def predict(self, csi: Tensor, relations: bool = False) -> Prediction:
        """Future CSI; ModelError where relations are asked for: there is no self-attention."""
        if relations:
            raise no_relations("csi-joint")
        return Prediction(future=self(csi))

    def _noise(self, unit: Tensor) -> Tensor:
        """Variance of what lies outside of the Doppler band, relative to the user's power: [user]."""
        outside = torch.matmul(self.beyond, unit.flatten(3)).square().mean((1, 2, 3))
        power = unit.square().mean((1, 2, 3, 4)).clamp(min=SILENCE)
        return (outside / power).clamp(min=SILENCE)

    def _slow(self, csi: Tensor) -> Tensor:
        """Slepian coefficients in which waves are real: [user, antenna, T, K, 2] -> [..., S, K, 2]."""
        parts = csi.transpose(3, 4).flatten(2, 3)  # [user, antenna, T * 2, K]
        return torch.matmul(self.to_slow, parts).unflatten(2, (2, -1)).permute(0, 1, 3, 4, 2)

    def _to_delays(self, csi: Tensor) -> Tensor:
        """[user, antenna, n, K, 2] -> [user, grid, delay, 2, polarisation, beam, n]."""
        parts = csi.permute(0, 2, 1, 4, 3).flatten(2, 3)  # [user, n, antenna * 2, K]
        beams = torch.matmul(self.to_beams, parts).unflatten(2, (2, self.polarisations, -1))
        both = beams.permute(0, 1, 3, 4, 2, 5).flatten(4)  # [user, n, polarisation, beam, 2 * K]
        delays = torch.matmul(both, self.to_delays).unflatten(4, (self.grids, 2, -1))
        return delays.permute(0, 4, 6, 5, 2, 3, 1)

    def _from_delays(self, values: Tensor) -> Tensor:
        """[user, grid, delay, 2 * polarisation * beam * P] -> mean of the grids [user, antenna, P, K, 2]."""
        parts = values.unflatten(3, (2, self.polarisations, -1, self.radio.future))
        delays = parts.permute(0, 6, 4, 5, 1, 3, 2).flatten(4)  # [user, P, polarisation, beam, grid * 2 * K]
        both = torch.matmul(delays, self.to_delays.T / self.grids).unflatten(4, (2, -1))
        beams = both.permute(0, 1, 4, 2, 3, 5).flatten(2, 4)
        antennas = torch.matmul(self.to_beams.T, beams).unflatten(2, (-1, 2))
        return antennas.permute(0, 2, 1, 4, 3)

    def _choose(self, delays: Tensor) -> tuple[Tokens, Tensor]:
        """The delays with most power, and [user, grid, chosen, delay] with a 1 where each of them is."""
        rise = (2 * delays.square().mean((3, 4, 5, 6)) - 1).clamp(min=0)
        best = rise.topk(self.delays, dim=2).indices
        chosen = (best[..., None] == self.place).to(delays.dtype)
        samples = torch.matmul(chosen, delays.flatten(3)).unflatten(3, (2, self.polarisations, -1))
        apart = (best[..., None] - best[:, :, None]).abs()
        last = len(self.place) - 1
        beside = ((apart == 1).to(delays.dtype) + (apart == last).to(delays.dtype)).clamp(max=1)
        return Tokens(samples, torch.matmul(chosen, rise[..., None])[..., 0], beside), chosen


def delay_grids(subcarriers: int, grids: int) -> Tensor:
    """Unitary IDFTs over subcarriers, each 1/grids of a delay further: [re/im * subcarrier, grid * ...]."""
    place, matrices = torch.arange(subcarriers, dtype=torch.float64), []
    for grid in range(grids):
        angle = 2 * math.pi * place * grid / (grids * subcarriers)
        turn = torch.complex(angle.cos(), angle.sin())
        matrix = as_real(turn[:, None] * dft(subcarriers).conj())
        matrices.append(matrix.transpose(0, 1).flatten(0, 1).flatten(1))
    return torch.cat(matrices, dim=1)


def why_not(radio: RadioSetting) -> str | None:
    """Why it can't do a setting; None when it can."""
    if why := why_not_predicted(radio.history):
        return why
    return _too_large(radio, BAND)


def _too_large(radio: RadioSetting, band: float) -> str | None:
    unknowns = radio.array.beams * slow_basis(radio.history, band)[0].shape[1]
    if unknowns <= MAX_UNKNOWNS:
        return None
    return (
        f"solves at most {MAX_UNKNOWNS} unknowns a delay, which beams and samples of history make {unknowns}"
    )


def _build(config: ModelConfig, backbone: Backbone | None) -> nn.Module:
    options = CsiJointOptions(**config.options)
    band = options.doppler_band
    if why := why_not_predicted(config.radio.history, band) or _too_large(config.radio, band):
        raise ModelError(f"csi-joint with a Doppler band of {band:g} {why}")
    network = CsiJoint(config.radio, options)
    start_at_shipped(network, config.radio, options)
    return network


def start_at_shipped(network: CsiJoint, radio: RadioSetting, options: CsiJointOptions) -> None:
    """Give the array student inside the shipped one's weights, where that was trained for this setting.

    There it keeps them: it knows more histories than those that the solver is trained on, clean ones too.
    """
    folder = shipped("csi-alm-light-ad", radio.duplex)
    if load_config(folder).radio == radio and options.doppler_band == BAND:
        weights = load_file(folder / WEIGHTS_FILE)
        network.array_student.load_state_dict(weights, strict=False)  # constants are no weights
        network.student_is_given = True


NETWORKS.register(
    Network(
        name="csi-joint",
        summary="csi-alm-light-ad, and its strongest delays solved over all beams and samples together",
        build=_build,
        options=CsiJointOptions,
        requires_array=True,
        requires_fp32_solver=True,
        options_for=csi_alm_light_ad.options_for,
        duplexes=("tdd",),
        why_not=why_not,
        module=__name__,
    )
)
