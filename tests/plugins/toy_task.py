"""A task of one file: a real series [user, L, K], some steps ahead, with the baseline that holds the last."""

import numpy as np

from edgecsi.models.baselines import BASELINES, Baseline
from edgecsi.tasks import TASKS, Grouping, Task, Tensor


def draw(rng, radio, users):
    """Positive numbers around one: float32 [user, L, K]."""
    return rng.uniform(0.5, 1.5, (users, radio.history, radio.subcarriers)).astype(np.float32)


TASKS.register(
    Task(
        name="toy",
        summary="a real series, some steps ahead",
        input=Tensor(
            "level_history", ("time", "subcarrier"), lambda r: (r.history, r.subcarriers), np.float32, "1"
        ),
        target=Tensor(
            "level_future", ("time", "subcarrier"), lambda r: (r.future, r.subcarriers), np.float32, "1"
        ),
        step_axis="time",
        groupings=(Grouping("speed_kmh", "speed_kmh", "km/h", lambda v: "slow" if v < 50 else "fast"),),
        draw_inputs=draw,
        vary=lambda rng, users: rng.uniform(0.5, 2.0, users).astype(np.float32),
        scales=(1e-3, 1e3),
        module=__name__,
    )
)


def hold(users, radio):
    """Repeat the last step."""
    return lambda inputs: np.repeat(inputs[:, -1:], radio.future, axis=1)


BASELINES.register(Baseline("toy_hold", "hold the last level", hold, task="toy", module=__name__))
