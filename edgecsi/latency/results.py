"""The schema of a latency report: everything that tables and pages are drawn from."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from edgecsi.latency.budgets import Budget
from edgecsi.latency.environment import Environment

SCHEMA_VERSION = 1

Outcome = Literal["pass", "fail", "undecided", "cannot sustain"]
Mode = Literal["back-to-back", "paced", "paced-stressed"]


class Strict(BaseModel):
    """Unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Verdict(Strict):
    """One budget at one subcarrier spacing; `margin_us` is the limit minus the bound of `margin_at`."""

    budget: str
    scs_khz: int
    limit_us: float
    judged: str
    outcome: Outcome
    margin_us: float | None
    margin_at: str | None
    misses: int
    note: str = ""


class Run(Strict):
    """Timed calls of one mode, in microseconds."""

    mode: Mode
    period_us: float | None = None
    calls: int
    seconds: float
    mean_us: float
    min_us: float
    max_us: float
    percentiles_us: dict[str, float]  # 99 % upper bounds; only those that the count supports
    refused: dict[str, int]  # percentile -> calls it would need
    verdicts: list[Verdict]


class Cell(Strict):
    """One subject at one setting. Without runs, `reason` says why."""

    users: int
    threads: int
    load_ms: float | None = None
    first_call_ms: float | None = None
    warm_up_calls: int = 0
    runs: list[Run] = []
    reason: str | None = None


class Subject(Strict):
    """A bundle or a network folder. Without cells, `reason` says why it did not run."""

    name: str
    kind: Literal["bundle", "network"]
    engine: str | None = None
    precision: str | None = None
    digest: str | None = None
    horizon_ms: float | None = None
    cells: list[Cell] = []
    reason: str | None = None


class LatencyReport(Strict):
    """The whole report."""

    schema_version: Literal[1] = SCHEMA_VERSION
    created: str
    seed: int
    environment: Environment
    budgets: list[Budget]
    subjects: list[Subject]
