"""A task that is nothing like CSI: real levels in dB [user, time, subcarrier]."""

import numpy as np

from edgecsi.tasks import TASKS, Grouping, Task, Tensor

AXES = ("time", "subcarrier")


def draw(rng, radio, users):
    """float32 [user, T, K] around 10 dB."""
    return rng.normal(10, 3, (users, radio.history, radio.subcarriers)).astype(np.float32)


LEVELS = TASKS.register(
    Task(
        name="test-levels",
        summary="levels of every subcarrier, some samples ahead",
        input=Tensor("levels", AXES, lambda radio: (radio.history, radio.subcarriers), np.float32, "dB"),
        target=Tensor("next_levels", AXES, lambda radio: (radio.future, radio.subcarriers), np.float32, "dB"),
        step_axis="time",
        groupings=(Grouping("speed_kmh", "speed_kmh", "km/h", lambda speed: f"{speed:.0f}"),),
        draw_inputs=draw,
        vary=lambda rng, users: np.ones(users, np.float32),
        resolution=1e-6,
        module=__name__,
    )
)
