"""Where a dataset's channels come from."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# Of the users' antennas; mixed: some users have one, some the other.
UePattern = Literal["omni", "38.901", "mixed"]


class Origin(BaseModel):
    """What drew or recorded the channels of a dataset.

    Stored as one HDF5 attribute per field, None by leaving the attribute out.

    Args:
        scenario: "uma", "umi", or any name that a recorded site goes by.
        los: line of sight for every user, or for none; None: unknown or mixed.
        ue_pattern: antenna pattern of the users.
        generator: the library that drew the channels, or what was imported.
        generator_version: of that library.
        seed: of the drawing.
        test_share: share of the drops that `split` keeps for tests; None: a tenth.
        noise: noise that the stored CSI already holds, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scenario: str
    los: bool | None = None
    ue_pattern: UePattern | Literal["unknown"] = "unknown"
    generator: str
    generator_version: str
    seed: int | None = None
    test_share: float | None = Field(None, gt=0, le=0.8)
    noise: str = "none"
