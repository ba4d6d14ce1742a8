"""Per-user normalisation that lives inside every network, in FP32.

The papers normalise by the mean and deviation of a batch, which makes a user's prediction depend on
who shares the batch. Here every user is divided by its own RMS amplitude, so that a network is scale
equivariant, f(a*x) = a*f(x), and batch invariant, at training, in the ONNX graph and in the engines.
"""

from __future__ import annotations

import torch
from torch import Tensor


def user_scale(csi: Tensor) -> tuple[Tensor, Tensor]:
    """Peak and RMS-over-peak of every user.

    Two factors instead of one, because the squares of raw coefficients (1e-13 and less after a
    scaling) would underflow FP32: dividing by the peak first makes any scale safe.

    csi: float32 [user, antenna, time, subcarrier, 2]. Returns two float32 [user, 1, 1, 1, 1]; a user
    with zero power gets 1 and 1, so its zeros stay zeros.
    """
    peak = csi.abs().amax(dim=(1, 2, 3, 4), keepdim=True)
    peak = torch.where(peak > 0, peak, torch.ones_like(peak))
    unit = csi / peak
    rms = unit.square().mean(dim=(1, 2, 3, 4), keepdim=True).sqrt()
    rms = torch.where(rms > 0, rms, torch.ones_like(rms))
    return peak, rms


def to_rows(csi: Tensor) -> Tensor:
    """[user, antenna, time, subcarrier, 2] -> [user*antenna, time, 2*subcarrier], real parts first."""
    user, antenna, time, subcarrier, _ = csi.shape
    return csi.permute(0, 1, 2, 4, 3).reshape(-1, time, 2 * subcarrier)


def from_rows(rows: Tensor, antenna: int) -> Tensor:
    """Inverse of :func:`to_rows`: [user*antenna, time, 2*subcarrier] -> [user, antenna, time, subcarrier, 2]."""
    _, time, features = rows.shape
    return rows.reshape(-1, antenna, time, 2, features // 2).permute(0, 1, 2, 4, 3)
