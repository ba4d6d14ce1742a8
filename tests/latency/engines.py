"""Test engines with known behaviour, and a short plan.

Engines are top-level classes, so that a measuring process can import them.
"""

import os
import time
from dataclasses import dataclass

import numpy as np

from edgecsi.latency.report_schema import Plan, Setting, Subject
from edgecsi.latency.timed_subjects import Started
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS
from edgecsi.users import Users

RADIO = RadioSetting(history=4, future=1, subcarriers=3, array=ArrayGeometry(columns=1, rows=1))


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@dataclass(frozen=True)
class HoldLast:
    """Repeats the last CSI in `service` seconds; every `every`-th call takes `delay` seconds longer."""

    name: str = "hold-last"
    service: float = 0.0
    delay: float = 0.0
    every: int = 0

    def describe(self):
        return Subject(name=self.name, kind="bundle", engine="test", precision="fp32", horizon_ms=2.0)

    def golden(self):
        return None

    def start(self, threads):
        calls = 0

        def call(history):
            nonlocal calls
            calls += 1
            spin(self.service)
            if self.every and calls % self.every == 0:
                spin(self.delay)
            return self.answer(history, calls)

        return Started(call, TASKS.get("csi"), RADIO)

    def answer(self, history, calls):
        return history[:, :, -1:]


@dataclass(frozen=True)
class Broken(HoldLast):
    """Returns NaN."""

    def answer(self, history, calls):
        return history[:, :, -1:] * np.float32(np.nan)


@dataclass(frozen=True)
class Drifting(HoldLast):
    """Answers one call in 500 as if it had been asked something else."""

    def answer(self, history, calls):
        return history[:, :, -1:] * np.float32(1 if calls % 500 else 2)


@dataclass(frozen=True)
class Known(HoldLast):
    """Says its task and radio setting, and brings users whose future it overshoots by a tenth, or none."""

    radio: RadioSetting = RADIO
    brings: bool = True

    def describe(self):
        return super().describe().model_copy(update={"task": "csi", "radio": self.radio})

    def golden(self):
        if not self.brings:
            return None
        history = TASKS.get("csi").draw_inputs(np.random.default_rng(0), self.radio, 2)
        return Users(history, history[:, :, -1:] / np.float32(1.1))


@dataclass(frozen=True)
class Crashing(HoldLast):
    """Kills its process, as a faulty engine library does."""

    def start(self, threads):
        os.abort()


def small_plan(**changes):
    """A short plan: one user, one thread, back-to-back."""
    facts = {
        "settings": (Setting(users=1, threads=1),),
        "modes": ("back-to-back",),
        "starts": 1,
        "calls": 700,
        "seconds": 0.1,
        "cap_seconds": 2.0,
        "paced_cap_seconds": 0.5,
        "network_cap_seconds": 1.0,
    }
    return Plan(**{**facts, **changes})
