"""CSI prediction: every antenna's and subcarrier's channel, some samples ahead (CSI-ALM, eq. 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecsi.interleaved import to_complex
from edgecsi.radio import RadioSetting
from edgecsi.tasks.noise import add_white_noise
from edgecsi.tasks.task import TASKS, Grouping, Task, Tensor

SPEED_ROW_KMH = 10  # width of a row of speeds in every table
SCALE = 5e-6  # amplitude of QuaDRiGa's coefficients, which seeded inputs have too
UNIT = "complex channel coefficient, linear, any scale, as (re, im)"
AXES = ("antenna", "time", "subcarrier")


def speed_label(speed_kmh: float) -> str:
    """The row of a user in every table: its speed rounded to the next multiple of 10 km/h."""
    return str(int(np.floor(speed_kmh / SPEED_ROW_KMH + 0.5)) * SPEED_ROW_KMH)


def white_csi(rng: np.random.Generator, radio: RadioSetting, users: int) -> NDArray[np.complex64]:
    """Complex white noise at the scale of channel coefficients: complex64 [user, antenna, T, K]."""
    pairs = rng.standard_normal((users, *radio.history_shape, 2), dtype=np.float32) * np.float32(SCALE)
    return to_complex(pairs)


def random_gain(rng: np.random.Generator, users: int) -> NDArray[np.complex64]:
    """A phase and a gain of its own for every user: complex64 [user]."""
    return (rng.uniform(0.5, 2.0, users) * np.exp(2j * np.pi * rng.random(users))).astype(np.complex64)


CSI = TASKS.register(
    Task(
        name="csi",
        summary="the channel's complex coefficients, some samples ahead",
        input=Tensor("csi_history", AXES, lambda radio: radio.history_shape, np.complex64, UNIT),
        target=Tensor("csi_future", AXES, lambda radio: radio.future_shape, np.complex64, UNIT),
        step_axis="time",
        groupings=(Grouping("speed_kmh", "speed_kmh", "km/h", speed_label),),
        draw_inputs=white_csi,
        vary=random_gain,
        add_noise=add_white_noise,
        noisy_snr_db=20.0,
        resolution=1e-5,  # -50 dB: below the EVM of any transmitter
        scales=(1e-8, 1e-4, 1e4),  # path losses from a cell's edge to a normalised simulation
        row_axis="antenna",
        module=__name__,
    )
)
