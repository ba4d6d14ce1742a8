"""What to draw by 3GPP TR 38.901, as a person writes it; light, without Sionna and torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from edgecsi.channel.origin import UePattern
from edgecsi.channel.radio_options import RadioOptions, Speed
from edgecsi.radio import Duplex, RadioSetting


class DataOptions(RadioOptions):
    """Channels to draw: the radio setting, the scenario and the users. The defaults are the papers' setting.

    Speeds are uniform in `speed_kmh`; line of sight is forced to one state for every user.
    """

    scenario: Literal["uma", "umi"] = Field("uma", description="Urban macro or urban micro.")
    los: bool = Field(False, description="Line of sight for every user, or for none.")
    duplex: Duplex = Field("tdd", description="fdd: the future is on another band, above the history's.")
    speed_kmh: tuple[Speed, Speed] = Field(
        (10.0, 100.0), description="One speed of the users or a range, in km/h."
    )
    users: int = Field(1000, ge=1, le=100_000_000, description="How many users to draw.")
    users_per_drop: int = Field(
        10, ge=1, le=100, description="Users who share large-scale parameters; splits keep them together."
    )
    ue_pattern: UePattern = Field(
        "omni", description="Antenna pattern of the users; mixed: half of them have each."
    )
    subcarriers: int = Field(48, ge=1, le=8192, description="Subcarriers of a band.")
    history: int = Field(16, ge=1, le=4096, description="Samples that a predictor sees.")
    future: int = Field(4, ge=1, le=4096, description="Samples that it predicts.")
    columns: int = Field(4, ge=1, le=128, description="Columns of the array, along the horizon.")
    rows: int = Field(4, ge=1, le=128, description="Rows of the array, upwards.")
    polarisations: int = Field(2, ge=1, le=2, description="At each place of the array: 1 (V) or 2 (V and H).")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Other seeds draw other channels.")
    test_share: float | None = Field(
        None, gt=0, le=0.8, description="Share of the users that are kept for tests; a tenth if not given."
    )

    @field_validator("speed_kmh")
    @classmethod
    def _ascending(cls, speeds: tuple[float, float]) -> tuple[float, float]:
        if speeds[0] > speeds[1]:
            raise ValueError("a range of speeds goes from the lower to the higher one, as 10-100")
        return speeds

    @model_validator(mode="after")
    def _fits(self) -> DataOptions:
        if self.duplex == "tdd" and self.band_gap_mhz:
            raise ValueError(f"a band gap of {self.band_gap_mhz:g} MHz is for duplex fdd; TDD has one band")
        return self

    @property
    def radio(self) -> RadioSetting:
        """The setting of the channels."""
        array = self.columns, self.rows, self.polarisations
        return self.radio_of(self.duplex, self.subcarriers, self.history, self.future, array)
