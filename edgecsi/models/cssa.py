"""Patching and cross spatial self-attention (CSSA) in front of the CSI-ALM teacher (eq. 7-10)."""

from __future__ import annotations

from torch import Tensor, nn

from edgecsi.radio import RadioSetting

PATCH = 4  # samples; a history is cut into whole ones


def why_not_patches(radio: RadioSetting) -> str | None:
    """Why a history can't be cut into patches; None when it can."""
    if radio.history % PATCH:
        return f"needs a history of a multiple of {PATCH} samples, not {radio.history}"
    return None


class PatchAttention(nn.Module):
    """Mix inside patches of 4 steps, then attend over (patch, position in patch).

    [row, T, features] -> the same shape: the sequence stays T tokens long (eq. 9-10).
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.within_patch = nn.Linear(PATCH, PATCH)
        self.attention = ChannelAttentionBlock(features)

    def forward(self, rows: Tensor) -> Tensor:
        """rows: float [row, T, features], T a multiple of 4."""
        patches = rows.transpose(1, 2).unflatten(-1, (-1, PATCH))  # [row, features, T', N]
        patches = self.attention(self.within_patch(patches))
        return patches.flatten(2).transpose(1, 2)


class ChannelAttentionBlock(nn.Module):
    """conv-ReLU-conv weighed by squeeze-and-excite channel attention, with a residual: [row, C, T', N]."""

    def __init__(self, channels: int, squeeze: int = 4) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.excite = nn.Sequential(
            nn.Linear(channels, channels // squeeze), nn.ReLU(), nn.Linear(channels // squeeze, channels)
        )

    def forward(self, patches: Tensor) -> Tensor:
        """[row, C, T', N] -> the same shape."""
        mixed = self.convolutions(patches)
        weight = (self.excite(mixed.mean((2, 3))) + self.excite(mixed.amax((2, 3)))).sigmoid()
        return patches + mixed * weight[:, :, None, None]
