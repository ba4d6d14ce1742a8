"""What LLM4CP's MATLAB files don't say; light, without h5py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgecsi.channel.radio_options import RadioOptions, Speed


class ImportOptions(RadioOptions):
    """How a history and a future file are to be understood.

    The array's columns, rows and polarisations, the numbers of samples and subcarriers and the duplex mode
    come from the files.
    """

    speeds: tuple[Speed, ...] = Field(
        (10.0, 100.0),
        min_length=1,
        description="Speeds along the speed axis in km/h: the ends (linear between), or a list.",
    )
    drops: Literal["user", "speed"] = Field(
        "user", description="What splits keep together: one user at one speed, or all users of a speed."
    )
    scenario: str = Field(
        "unknown", min_length=1, max_length=200, description="What the channels are, as uma."
    )
    drop_dead_users: bool = Field(
        False,
        description="Leave out users with zero power, NaN or Inf, and count them; reads the files twice.",
    )
    los: bool | None = Field(None, description="What the channels are; unknown if not given.")
