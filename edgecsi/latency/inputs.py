"""Seeded, varied inputs: no two timed calls in a row see the same numbers.

Users are drawn from a bundle's golden users and varied as their task says (CSI: a phase and a gain of their
own), which keeps them real channels; without golden users they are the task's seeded inputs.
"""

from __future__ import annotations

import math

import numpy as np

from edgecsi.radio import RadioSetting
from edgecsi.tasks import Task
from edgecsi.tasks.task import Array
from edgecsi.users import Users

POOL_BYTES = 32 << 20  # of all inputs: more than a core's caches hold, little beside the engine's memory
POOL_CALLS = 64
POOL_SECONDS = 0.5  # of calls: a pass through the inputs ends soon after the time that was asked for


def pool_size(task: Task, radio: RadioSetting, users: int, call_seconds: float) -> int:
    """Calls in one pass through the inputs: half a second's worth, within 32 MiB and 64 calls."""
    user_bytes = np.dtype(task.input.dtype).itemsize * math.prod(task.input.dims(radio))
    by_memory = POOL_BYTES // (users * user_bytes)
    by_time = int(POOL_SECONDS / max(call_seconds, 1e-9))
    return max(1, min(POOL_CALLS, by_memory, by_time))


def make_pool(
    task: Task, radio: RadioSetting, users: int, calls: int, seed: int, golden: Users | None
) -> list[Users]:
    """What `calls` successive calls of `users` users each see; the same seed gives the same to every subject.

    `targets` is empty, [0, *target axes], where there are no golden users: nobody knows the truth.
    """
    rng = np.random.default_rng(seed)
    if golden is None:
        unknown = np.empty((0, *task.target.dims(radio)), task.target.dtype)
        return [Users(task.draw_inputs(rng, radio, users), unknown) for _ in range(calls)]
    return [_varied(task, rng, golden[rng.integers(len(golden), size=users)]) for _ in range(calls)]


def _varied(task: Task, rng: np.random.Generator, users: Users) -> Users:
    factor = task.vary(rng, len(users))

    def times_factor(values: Array) -> Array:
        return (values * factor.reshape(-1, *[1] * (values.ndim - 1))).astype(values.dtype, copy=False)

    return Users(times_factor(users.inputs), times_factor(users.targets), users.columns)
