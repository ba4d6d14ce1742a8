"""The radio setting: what CSI means, as one frozen object.

A dataset, a model folder and a bundle each hold a :class:`RadioSetting`; nothing about carrier, sampling or
array is a constant elsewhere. Whatever they imply (shapes, angle transforms, neighbours, Doppler band) is
computed from it, and two settings that differ are refused by :func:`require_same_radio` with the field and
both values.

    >>> radio = RadioSetting(array=ArrayGeometry(columns=8, rows=4))
    >>> radio.history_shape
    (64, 16, 48)
    >>> round(radio.doppler_cycles(108.0), 3)
    0.12
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgecsi.errors import RadioMismatch

SPEED_OF_LIGHT = 299_792_458.0  # m/s
MAX_AXIS = 65_536  # a larger axis is a damaged file, not an array
SAME = 1e-6  # relative difference of two numbers that mean the same: they were written in different units
ELEMENT_AXES = ("column", "row", "polarisation")

Duplex = Literal["tdd", "fdd"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=MAX_AXIS)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ArrayGeometry(_Frozen):
    """A planar array: `columns` along the horizon, `rows` upwards, and at each place its polarisations.

    column_spacing, row_spacing: in wavelengths. element_order: axes of the antenna index, slowest first. The
    house's, which every source is permuted to, is QuaDRiGa's and LLM4CP's: antenna =
    (column*rows + row)*polarisations + polarisation, row 0 lowest, V before H.
    """

    columns: Size = 4
    rows: Size = 4
    polarisations: Annotated[int, Field(ge=1, le=2)] = 2
    column_spacing: Positive = 0.5
    row_spacing: Positive = 0.5
    element_order: str = "column-row-polarisation"

    @model_validator(mode="after")
    def _check_order(self) -> ArrayGeometry:
        if sorted(self.element_order.split("-")) != sorted(ELEMENT_AXES):
            raise ValueError(
                f"element_order {self.element_order!r} does not name {', '.join(ELEMENT_AXES)} once each, "
                "slowest first, as column-row-polarisation"
            )
        return self

    @property
    def antennas(self) -> int:
        """Elements in all."""
        return self.columns * self.rows * self.polarisations

    @property
    def beams(self) -> int:
        """Orthogonal beams per polarisation."""
        return self.columns * self.rows

    @property
    def words(self) -> str:
        """As people write it: 4x4x2."""
        return f"{self.columns}x{self.rows}x{self.polarisations}"

    def places(self) -> NDArray[np.int64]:
        """Antenna index of every element: int64 [column, row, polarisation]."""
        axes = self.element_order.split("-")
        sizes = dict(zip(ELEMENT_AXES, (self.columns, self.rows, self.polarisations), strict=True))
        antennas = np.arange(self.antennas).reshape([sizes[axis] for axis in axes])
        return antennas.transpose([axes.index(axis) for axis in ELEMENT_AXES])


class RadioSetting(_Frozen):
    """How CSI was sampled, and what is to be predicted. The defaults are the papers' setting.

    carrier_hz: centre of the history's band. step_s: between two samples of a history, and from its last one
    to the first future one. history, future: samples of each. duplex: "fdd": the future is on another band of
    as many subcarriers, which begins `band_gap_hz` above the history's (downlink).
    """

    carrier_hz: Positive = 2.4e9
    subcarrier_spacing_hz: Positive = 180e3
    step_s: Positive = 0.5e-3
    subcarriers: Size = 48
    history: Size = 16
    future: Size = 4
    duplex: Duplex = "tdd"
    band_gap_hz: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    array: ArrayGeometry = ArrayGeometry()

    @model_validator(mode="after")
    def _check_gap(self) -> RadioSetting:
        if self.duplex == "tdd" and self.band_gap_hz:
            raise ValueError(f"band_gap_hz is {self.band_gap_hz:g}, but TDD has one band")
        return self

    @property
    def antennas(self) -> int:
        """Antennas of the base station."""
        return self.array.antennas

    @property
    def history_shape(self) -> tuple[int, int, int]:
        """(antenna, T, K)."""
        return self.antennas, self.history, self.subcarriers

    @property
    def future_shape(self) -> tuple[int, int, int]:
        """(antenna, P, K)."""
        return self.antennas, self.future, self.subcarriers

    @property
    def step_ms(self) -> float:
        """step_s in ms."""
        return self.step_s * 1e3

    @property
    def horizon_ms(self) -> float:
        """From the last sample of the history to the last one predicted."""
        return self.step_ms * self.future

    def doppler_cycles(self, speed_kmh: float) -> float:
        """Largest Doppler shift at a speed, in cycles per sample: v/c * carrier * step."""
        return speed_kmh / 3.6 / SPEED_OF_LIGHT * self.carrier_hz * self.step_s

    def speed_at(self, doppler_cycles: float) -> float:
        """Inverse of :meth:`doppler_cycles`, in km/h."""
        return doppler_cycles / (self.carrier_hz * self.step_s) * SPEED_OF_LIGHT * 3.6

    @property
    def words(self) -> str:
        """The setting in one line."""
        band = f"FDD, {self.band_gap_hz / 1e6:g} MHz between the bands" if self.duplex == "fdd" else "TDD"
        return (
            f"{band}, {self.array.words} array, {self.carrier_hz / 1e9:g} GHz, {self.subcarriers} "
            f"subcarriers {self.subcarrier_spacing_hz / 1e3:g} kHz apart, {self.history} -> {self.future} "
            f"samples every {self.step_ms:g} ms"
        )


class TrainedRange(_Frozen):
    """What a network was made for: speeds in km/h, and SNR of the histories in dB (None: clean ones only)."""

    speed_kmh: tuple[float, float]
    snr_db: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _check_ends(self) -> TrainedRange:
        for name, ends in (("speed_kmh", self.speed_kmh), ("snr_db", self.snr_db)):
            if ends and ends[0] > ends[1]:
                raise ValueError(f"{name} goes from {ends[0]:g} to {ends[1]:g}; give the lower end first")
        return self

    def beyond(self, speed_kmh: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which users [user] are slower or faster than the network was made for (half a km/h is nothing)."""
        low, high = self.speed_kmh
        return (speed_kmh < low - 0.5) | (speed_kmh > high + 0.5)


def differences(one: RadioSetting, other: RadioSetting) -> dict[str, tuple[Any, Any]]:
    """Fields in which two settings differ -> both values; array fields as `array.columns`."""
    mine, theirs = _flat(one), _flat(other)
    return {name: (mine[name], theirs[name]) for name in mine if not _same(mine[name], theirs[name])}


def require_same_radio(
    one: RadioSetting,
    what: str,
    other: RadioSetting,
    whose: str,
    ways: str = "",
    accept: bool = False,
    flag: str = "--accept-radio-mismatch",
) -> list[str]:
    """Refuse two settings that differ, in one line with the fields, the values and the ways out.

    Args:
        one: the setting of `what`, as "the student build/student".
        what: who is made for `one`, in words.
        other: the setting of `whose`.
        whose: who has `other`, in words.
        ways: what to do about it.
        accept: differences that leave every tensor's shape are returned as warnings instead.
        flag: what users write to accept them.

    Returns:
        The differences in words; empty where there are none.

    Raises:
        RadioMismatch: they differ, and that was not accepted or can't be.
    """
    found = differences(one, other)
    if not found:
        return []
    lines = [f"{name} is {_word(a)} for {what}, {_word(b)} for {whose}" for name, (a, b) in found.items()]
    fits = (one.history_shape, one.future_shape) == (other.history_shape, other.future_shape)
    if accept and fits:
        return lines
    way = ways or "train or distil on such channels"
    may = f", or {flag}" if fits else ""
    raise RadioMismatch(f"{'; '.join(lines)}: {way}{may}")


def _flat(radio: RadioSetting) -> dict[str, Any]:
    values = radio.model_dump()
    array = values.pop("array")
    return values | {f"array.{name}": value for name, value in array.items()}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=SAME)
    return bool(one == other)


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
