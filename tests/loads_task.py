"""A task of real numbers without antennas or noise: what holds for any task is tested with it too."""

from pathlib import Path

import numpy as np
import pytest

from edgecsi.channel import Origin, write_dataset
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS, Grouping, Task, Tensor

RADIO = RadioSetting(history=6, future=3, subcarriers=5)
ORIGIN = Origin(scenario="toy", generator="tests", generator_version="1")
LOADS = Task(
    name="loads",
    summary="the load of every subcarrier, in decibels",
    input=Tensor("loads", ("time", "subcarrier"), lambda r: (r.history, r.subcarriers), np.float32, "dB"),
    target=Tensor("peak", ("subcarrier",), lambda r: (r.subcarriers,), np.float32, "dB"),
    step_axis=None,
    groupings=(Grouping("speed_kmh", "speed_kmh", "km/h", lambda speed: f"{speed:g}"),),
    draw_inputs=lambda rng, radio, users: rng.standard_normal((users, radio.history, radio.subcarriers)),
    vary=lambda rng, users: np.ones(users, np.float32),
)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know the task for the time of a test."""
    assert LOADS.name not in TASKS.names  # the house's own tasks are registered first
    monkeypatch.setitem(TASKS._rows, LOADS.name, LOADS)


def write_loads(path: Path, users: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Write a dataset, two users a drop; its inputs float64 [user, 6, 5] and targets [user, 5]."""
    inputs = np.random.default_rng(seed).standard_normal((users, RADIO.history, RADIO.subcarriers))
    targets = inputs.mean(axis=1)
    row = np.arange(users)
    with write_dataset(path, RADIO, ORIGIN, users, task=LOADS.name) as writer:
        writer.write(0, inputs, targets, speed_kmh=np.where(row % 2, 30, 3), drop=row // 2)
    return inputs, targets
