"""Test engines with known behaviour; top-level classes, so that a measuring process can import them."""

import time
from dataclasses import dataclass

import numpy as np

from edgecsi.csi import CsiShape
from edgecsi.latency.results import Subject
from edgecsi.latency.subjects import Started

SHAPE = CsiShape(antennas=2, history=4, future=1, subcarriers=3)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@dataclass(frozen=True)
class HoldLast:
    """Repeats the last CSI; every `every`-th call takes `delay` seconds longer."""

    name: str = "hold-last"
    service: float = 0.0
    delay: float = 0.0
    every: int = 0
    golden_users: None = None

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
            return history[:, :, -1:]

        return Started(call, SHAPE)


@dataclass(frozen=True)
class Broken(HoldLast):
    """Returns NaN."""

    def start(self, threads):
        return Started(lambda history: history[:, :, -1:] * np.float32(np.nan), SHAPE)


@dataclass(frozen=True)
class Crashing(HoldLast):
    """Kills its process, as a faulty engine library does."""

    def start(self, threads):
        import os

        os.abort()
