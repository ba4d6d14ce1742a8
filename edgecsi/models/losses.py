"""NMSE of predictions as something to descend; objectives made of it live in edgecsi.training."""

from __future__ import annotations

from torch import Tensor


def user_nmse(future: Tensor, truth: Tensor) -> Tensor:
    """sum |H - Hhat|^2 / sum |H|^2 per user: float [user, *axes] twice -> float32 [user].

    The torch twin of edgecsi.metrics.nmse. Divided by the truth's peak first: raw coefficients' squares
    would underflow FP32. Where the truth has no power (the dead antennas of a living user) there is nothing
    to predict: 0.
    """
    axes = tuple(range(1, truth.ndim))
    truth = truth.float()
    peak = truth.abs().amax(dim=axes, keepdim=True)
    alive = peak > 0
    peak = peak.where(alive, 1)
    truth, future = truth / peak, (future.float() / peak).where(alive, 0)
    return (future - truth).square().sum(axes) / truth.square().sum(axes).where(alive.flatten(), 1)
