"""Slepian sequences: an orthonormal basis of N samples, the ones with most power in a band first.

(Slepian, Bell System Technical Journal 57, 1978.) The first few hold every history whose Doppler shifts lie
in the band; what lies beyond is noise. They become constants of exported graphs, whose bytes name a bundle,
so they are the same on every CPU: eigenvectors of the tridiagonal matrix that commutes with the band's
kernel, which are well apart where the kernel's own are equal to rounding, with signs and symmetry fixed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BAND = 0.12  # one-sided, in cycles per sample, unless told otherwise: 108 km/h at 2.4 GHz and 0.5 ms
TAPS_SHARE = 0.8  # of the history are the past samples from which the next one is predicted
# How many sequences N samples take: as many as the band has room for, 2 N BAND (the time-bandwidth product),
# and some more for what its edges leave: of a history the power of all but noise, of past samples that of all
# which FP32 can tell from rounding.
BASIS_BEYOND, UNKNOWNS_BEYOND = 6, 4
# Those of BAND and 13 or 16 samples as the shipped networks have always had them: eigenvectors of the kernel,
# which leaves open how those without power in the band are turned. With others they predict alike to -90 dB.
KEPT = Path(__file__).parent / "slepian.npz"
DIGITS = 10  # behind the point; FP32 has no more, and what a library adds by rounding is further behind


@dataclass(frozen=True)
class Sizes:
    """taps: past samples from which the next one is predicted. basis: Slepian sequences that hold all of a
    history but noise. unknowns: Slepian sequences that hold the past samples.
    """

    taps: int
    basis: int
    unknowns: int

    @classmethod
    def of(cls, history: int, band: float = BAND) -> Sizes:
        """For a history of so many samples and a band in cycles per sample: 13, 10 and 8 for 16 and BAND."""
        taps, room = round(TAPS_SHARE * history), 2 * band
        return cls(
            taps,
            basis=math.ceil(room * history) + BASIS_BEYOND,
            unknowns=math.ceil(room * taps) + UNKNOWNS_BEYOND,
        )


def why_not_predicted(history: int, band: float = BAND) -> str | None:
    """Why a history of so many samples can't be predicted; None when it can. band: in cycles per sample."""
    if Sizes.of(history, band).basis < history:
        return None  # what lies beyond the basis tells the noise
    least = next(n for n in range(1, 1000) if Sizes.of(n, band).basis < n)
    return f"needs {least} samples of history to tell noise from paths, not {history}"


def slepian(samples: int, band: float = BAND) -> Tensor:
    """All sequences, those with most power below `band` first, orthonormal: float64 [samples, samples]."""
    kept = _kept() if band == BAND else {}
    return torch.from_numpy(kept[samples] if samples in kept else _computed(samples, band))


@cache
def _kept() -> dict[int, NDArray[np.float64]]:
    with np.load(KEPT) as file:
        return {int(name): file[name] for name in file}


def _computed(samples: int, band: float = BAND) -> NDArray[np.float64]:
    place = np.arange(samples)
    beside = place[1:] * (samples - place[1:]) / 2
    diagonal = ((samples - 1) / 2 - place) ** 2 * np.cos(2 * np.pi * band)
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    sequences = np.linalg.eigh(matrix)[1][:, ::-1]  # eigenvalues ascend
    parity = (-1.0) ** place  # sequence 0 is even, sequence 1 odd
    sequences = ((sequences + parity * sequences[::-1]) / 2).round(DIGITS)
    largest = np.abs(sequences[: (samples + 1) // 2]).argmax(0)
    return sequences * np.sign(sequences[largest, place])
