"""The schema of a latency report: everything that tables and pages are drawn from.

Times are in microseconds, load and first call in milliseconds. `report.schema.json` beside this file is the
same as JSON schema.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from edgecsi.latency.budgets import Budget
from edgecsi.latency.environment import Environment
from edgecsi.radio import RadioSetting

SCHEMA_VERSION: Literal[2] = 2

Outcome = Literal["pass", "fail", "undecided", "cannot sustain"]
Mode = Literal["back-to-back", "paced", "paced-stressed"]


class Strict(BaseModel):
    """Unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Setting(Strict):
    """Users per call, engine threads, and the CPUs that the process is pinned to (None: any)."""

    model_config = ConfigDict(frozen=True)

    users: int
    threads: int
    cpus: tuple[int, ...] | None = None

    @property
    def label(self) -> str:
        """In words, without the users."""
        pinned = f", CPU {'+'.join(map(str, self.cpus))}" if self.cpus else ""
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}{pinned}"

    @property
    def words(self) -> str:
        """In words."""
        return f"{self.users} user{'s' if self.users > 1 else ''}, {self.label}"


class Verdict(Strict):
    """One budget at one subcarrier spacing.

    `margin_us` is the limit minus the bound of `margin_at`. Where no call was late, `miss_share_below` is
    the 95 % bound of the share that could be, 3/n.
    """

    budget: str
    scs_khz: int
    limit_us: float
    judged: str
    outcome: Outcome
    margin_us: float | None
    margin_at: str | None
    misses: int
    miss_share_below: float | None = None
    note: str = ""


class Timing(Strict):
    """Latencies of n calls."""

    calls: int
    mean_us: float
    min_us: float
    max_us: float
    percentiles_us: dict[str, float]  # 99 % upper bounds; only those that the count supports
    observed_us: dict[str, float]  # the same percentiles as plain order statistics
    refused: dict[str, int]  # percentile -> calls it would need


class Run(Strict):
    """Timed calls of one mode: back-to-back service times, or paced latencies from the scheduled moment."""

    mode: Mode
    period_us: float | None = None  # of the arrivals, paced modes
    neighbour_cpu: int | None = None  # where the stressed neighbour ran
    seconds: float
    timing: Timing
    cdf: list[tuple[float, float]]  # (latency, share of calls at or below it)
    histogram_edges_us: list[float]
    histogram_counts: list[int]
    verdicts: list[Verdict]


class Start(Strict):
    """One start of the measuring process, and the median of its share of the back-to-back calls."""

    load_ms: float
    first_call_ms: float
    warm_up_calls: int
    p50_us: float


class OutputCheck(Strict):
    """NMSE of the outputs of timed calls beside that of untimed calls with the same inputs.

    `difference` is the largest relative difference of a timed output from the untimed one. The number of
    inputs depends on the engine's speed, so subjects of one task and radio setting are compared by
    `nmse_golden_db`, on the same golden users, clean and noisy, for all. NMSEs are None where the truth of
    the inputs isn't known.
    """

    inputs: int
    nmse_golden_db: float | None
    nmse_untimed_db: float | None
    nmse_timed_db: float | None
    difference: float


class GpuStages(Strict):
    """Where the time of a GPU call goes, with and without a CUDA graph."""

    cuda_graph: bool
    stages: dict[str, Timing]  # host_to_host, h2d, enqueue, device, d2h


class Cell(Strict):
    """One subject at one setting. Without runs, `reason` says why."""

    setting: Setting
    scheduler: str | None = None
    memory_locked: bool | None = None
    realtime: str | None = None  # what became of the request for real-time rights
    rt_missing: list[str] = []  # what a real-time host would have beyond this
    starts: list[Start] = []
    outputs: OutputCheck | None = None
    gpu: list[GpuStages] = []
    runs: list[Run] = []
    reason: str | None = None


class Subject(Strict):
    """A bundle or a model folder. Without cells, `reason` says why it did not run.

    network, parameters, task, radio: what the engine was built from; None: not recorded. warnings: the
    manifest's, as speeds beyond what the network was made for. nmse_db: of the engine on the test users.
    """

    name: str
    kind: Literal["bundle", "network"]
    engine: str
    precision: str
    digest: str | None = None
    network: str | None = None
    parameters: int | None = None
    task: str | None = None
    radio: RadioSetting | None = None
    warnings: list[str] = []
    horizon_ms: float | None = None
    nmse_db: float | None = None
    cells: list[Cell] = []
    reason: str | None = None


class Floor(Strict):
    """What is not the engine's: the loop around an engine that does nothing, and the host's pauses.

    `longest_gap_us` and `lost_share`: how long, and for what share of a second, a loop that only reads the
    clock was kept from running.
    """

    setting: Setting
    timing: Timing
    longest_gap_us: float
    lost_share: float


class Comparison(Strict):
    """Ratio of a subject's back-to-back latency to the baseline's at one setting, with a 95 % interval."""

    subject: str
    baseline: str
    setting: Setting
    percentile: str
    ratio: float
    low: float | None  # None: too few samples for an interval
    high: float | None
    samples: int
    sampled: Literal["process starts", "rounds"]


class Capacity(Strict):
    """How many users fit: every measured number up to `fits` passes, `too_many` fails or can't be sustained.

    Numbers in between are undecided or weren't measured.
    """

    subject: str
    place: str  # threads and CPUs, in words
    mode: Mode
    budget: str
    scs_khz: int
    fits: int
    too_many: int | None


class Plan(Strict):
    """What was asked for. Both minima of calls and seconds hold, unless a run reached its cap first."""

    settings: tuple[Setting, ...]
    modes: tuple[Mode, ...]
    starts: int
    calls: int
    seconds: float
    cap_seconds: float
    paced_cap_seconds: float
    network_cap_seconds: float
    period: str | None = None  # NAME or NAME@KHZ; None: the shortest CQI period that the engine sustains
    realtime: bool = False
    seed: int = 0


class LatencyReport(Strict):
    """The whole report."""

    schema_version: Literal[2] = SCHEMA_VERSION
    created: str
    plan: Plan
    environment: Environment
    budgets: list[Budget]
    floors: list[Floor]
    subjects: list[Subject]
    comparisons: list[Comparison]
    capacities: list[Capacity]
