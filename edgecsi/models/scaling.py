"""Per-user normalisation that lives inside every network, in FP32.

The papers normalise by the mean and deviation of a batch, which makes a user's prediction depend on
who shares the batch. Here every user is divided by its own RMS amplitude, so that a network is scale
equivariant, f(a*x) = a*f(x), and batch invariant, at training, in the ONNX graph and in the engines.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = torch.finfo(torch.float32).tiny


def normalise(csi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Divide every user by its peak, then by its RMS: one factor alone would underflow FP32 when squared.

    csi: float32 [user, antenna, time, subcarrier, 2], at any scale. Returns the user's CSI at unit power,
    and rms and peak, float32 [user, 1, 1, 1, 1], by which a prediction is multiplied, in this order. A user
    without power has rms = peak = 0, so its prediction is exactly zero.
    """
    row = csi.flatten(1)  # engines run over long rows, and stumble over a last axis of two
    peak = row.abs().amax(dim=1, keepdim=True)
    unit = row / peak.clamp(min=TINY)
    rms = unit.square().mean(dim=1, keepdim=True).sqrt()
    unit = unit / rms.clamp(min=TINY)
    return unit.unflatten(1, csi.shape[1:]), rms[..., None, None, None], peak[..., None, None, None]


def to_rows(csi: Tensor) -> Tensor:
    """[user, antenna, time, subcarrier, 2] -> [user*antenna, time, 2*subcarrier], real parts first."""
    _, _, time, subcarrier, _ = csi.shape
    return csi.permute(0, 1, 2, 4, 3).reshape(-1, time, 2 * subcarrier)


def from_rows(rows: Tensor, antenna: int) -> Tensor:
    """[user*antenna, time, 2*subcarrier] -> [user, antenna, time, subcarrier, 2]: inverse of to_rows."""
    _, time, features = rows.shape
    return rows.reshape(-1, antenna, time, 2, features // 2).permute(0, 1, 2, 4, 3)
