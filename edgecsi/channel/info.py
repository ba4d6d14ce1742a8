"""What a dataset says about itself: the attributes of the file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# Of the users' antennas; mixed: some users have one, some the other.
UePattern = Literal["omni", "38.901", "mixed"]
ARRAY = "4x4 dual-polarised (V, H), half wavelength, antenna=(column*4+row)*2+polarisation, row 0 lowest"


class ChannelInfo(BaseModel):
    """One dataset's channel, radio and origin; the defaults are the papers' setting.

    Stored as one HDF5 attribute per field, None by leaving the attribute out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str  # "uma", "umi", or any name a recorded site goes by
    los: bool | None = None  # None: unknown or mixed
    duplex: Literal["tdd", "fdd"]  # fdd: the future is on the adjacent band (downlink)
    carrier_hz: float = Field(2.4e9, gt=0, allow_inf_nan=False)
    subcarrier_spacing_hz: float = Field(180e3, gt=0, allow_inf_nan=False)
    step_s: float = Field(0.5e-3, gt=0, allow_inf_nan=False)
    array: str = ARRAY
    ue_pattern: UePattern | Literal["unknown"] = "unknown"
    generator: str  # the library that drew the channels, or "import"
    generator_version: str
    seed: int | None = None
    test_share: float | None = Field(None, gt=0, le=0.8)  # of the drops; None: a tenth
    noise: str = "none"  # noise that the stored CSI already holds
