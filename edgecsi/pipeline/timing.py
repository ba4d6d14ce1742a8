"""Is INT8 worth it? Its engines timed in turns with the FP32 and BF16 engines of the same library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from edgecsi.csi import CsiShape, to_complex, to_interleaved
from edgecsi.export.targets import TARGETS, Target, get_target
from edgecsi.latency.environment import available_cpus
from edgecsi.latency.plan import make_plan
from edgecsi.latency.results import Plan, Subject
from edgecsi.latency.session import run_session
from edgecsi.latency.subjects import Started
from edgecsi.pipeline.proof import load_built
from edgecsi.runtime import run_in_pieces, start_engine

CALLS = 300
SECONDS = 1.0
CAP_SECONDS = 8.0


class TargetTiming(BaseModel):
    """One engine, one user per call on all CPUs. ratio: of its median to the baseline's; 95 % interval."""

    target: str
    p50_ms: float
    baseline: str
    ratio: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class EngineSubject:
    """What an engine stage wrote, as something to time. label: its name in the report (None: the target)."""

    target: str
    folder: Path
    shape: CsiShape
    label: str | None = None

    def describe(self) -> Subject:
        """The engine by its label."""
        target = get_target(self.target)
        return Subject(
            name=self.label or self.target,
            kind="bundle",
            engine=target.engine,
            precision=target.precision,
            reason=target.why_not_run(),
        )

    def golden(self) -> None:
        """It brings no users: an engine takes the same time for any."""

    def start(self, threads: int) -> Started:
        """Load the engine in this process."""
        _, built, _ = load_built(self.folder)
        engine = start_engine(built.engine, built.files, threads, get_target(self.target).precision)

        def call(history: np.ndarray) -> np.ndarray:
            return to_complex(run_in_pieces(engine, to_interleaved(history)))

        return Started(call, self.shape)


def competitors(names: Sequence[str]) -> list[Target]:
    """What to time when a run asks for INT8: its targets that run here, and the libraries' other engines."""
    asked = [get_target(name) for name in names]
    builders = {target.builder for target in asked if target.calibrated}
    if not builders:
        return []
    wanted = [target for target in TARGETS.values() if target in asked or _is_sibling(target, builders)]
    return [target for target in wanted if not (target.why_not_build() or target.why_not_run())]


def _is_sibling(target: Target, builders: set[str]) -> bool:
    return target.builder in builders and not target.calibrated


def time_engines(folders: Mapping[str, Path], shape: CsiShape) -> list[TargetTiming]:
    """Time engines, target -> folder that its stage wrote; the first is the baseline."""
    subjects = [EngineSubject(name, folder, shape) for name, folder in folders.items()]
    report = run_session(subjects, _plan())
    timings = {
        subject.name: subject.cells[0].runs[0].timing.observed_us["p50"] / 1e3
        for subject in report.subjects
        if subject.cells and subject.cells[0].runs
    }
    ratios = {entry.subject: entry for entry in report.comparisons if entry.percentile == "p50"}
    baseline = next(iter(timings))
    return [
        TargetTiming(
            target=name,
            p50_ms=p50,
            baseline=baseline,
            ratio=ratios[name].ratio if name in ratios else 1.0,
            low=ratios[name].low if name in ratios else None,
            high=ratios[name].high if name in ratios else None,
        )
        for name, p50 in timings.items()
    ]


def _plan() -> Plan:
    """A few hundred calls of every engine: enough to tell which is the fastest."""
    plan = make_plan("quick", users=(1,), threads=(len(available_cpus()),))
    return plan.model_copy(update={"calls": CALLS, "seconds": SECONDS, "cap_seconds": CAP_SECONDS})
