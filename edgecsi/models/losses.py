"""Losses that belong to the networks themselves (the distillation loss lives in edgecsi.distill)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Objective = Literal["nmse", "log-nmse"]
FLOOR = 1e-5  # -50 dB: below that a better prediction is worth nothing


def nmse_objective(nmse: Tensor, objective: Objective) -> Tensor:
    """Users' NMSE float [user] -> the scalar to minimise.

    nmse: the papers' mean, which users at high speed and low SNR rule; log-nmse: mean of log10, in which
    a decibel counts the same for every user.
    """
    return nmse.mean() if objective == "nmse" else (nmse + FLOOR).log10().mean()


def user_nmse(future: Tensor, truth: Tensor) -> Tensor:
    """sum |H - Hhat|^2 / sum |H|^2 per user: float [user, antenna, P, K, 2] twice -> float32 [user].

    The torch twin of edgecsi.metrics.nmse. Divided by the truth's peak first: raw coefficients' squares
    would underflow FP32. Where the truth has no power (the dead antennas of a living user) there is nothing
    to predict: 0.
    """
    axes = (1, 2, 3, 4)
    truth = truth.float()
    peak = truth.abs().amax(dim=axes, keepdim=True)
    alive = peak > 0
    peak = peak.where(alive, 1)
    truth, future = truth / peak, (future.float() / peak).where(alive, 0)
    return (future - truth).square().sum(axes) / truth.square().sum(axes).where(alive.flatten(), 1)
