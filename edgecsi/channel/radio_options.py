"""The radio setting as a person writes it: GHz, kHz, ms, wavelengths. What generator and import share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edgecsi.radio import ArrayGeometry, Duplex, RadioSetting

Speed = Annotated[float, Field(ge=0, le=1000)]  # km/h; faster is a typing error


class RadioOptions(BaseModel):
    """What no file of channels says by its shape."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    carrier_ghz: float = Field(
        2.4,
        ge=0.1,
        le=300,
        description="Centre of the history's band, in GHz; TR 38.901 holds from 0.5 to 100.",
    )
    subcarrier_khz: float = Field(
        180.0, ge=1, le=100_000, description="From one subcarrier of the history to the next, in kHz."
    )
    step_ms: float = Field(
        0.5, ge=0.001, le=10_000, description="From one sample of the history to the next, in ms."
    )
    band_gap_mhz: float = Field(
        0.0, ge=0, le=1000, description="FDD: from the history's band to the future's above it, in MHz."
    )
    column_spacing: float = Field(
        0.5, ge=0.05, le=20, description="From one column of the array to the next, in wavelengths."
    )
    row_spacing: float = Field(
        0.5, ge=0.05, le=20, description="From one row of the array to the next, in wavelengths."
    )

    def radio_of(
        self, duplex: Duplex, subcarriers: int, history: int, future: int, array: tuple[int, int, int]
    ) -> RadioSetting:
        """The whole setting, in the house's element order. array: columns, rows, polarisations.

        ValueError for a gap between bands with TDD, which has one band.
        """
        columns, rows, polarisations = array
        return RadioSetting(
            carrier_hz=self.carrier_ghz * 1e9,
            subcarrier_spacing_hz=self.subcarrier_khz * 1e3,
            step_s=self.step_ms * 1e-3,
            subcarriers=subcarriers,
            history=history,
            future=future,
            duplex=duplex,
            band_gap_hz=self.band_gap_mhz * 1e6,
            array=ArrayGeometry(
                columns=columns,
                rows=rows,
                polarisations=polarisations,
                column_spacing=self.column_spacing,
                row_spacing=self.row_spacing,
            ),
        )
