"""Stage `timing`: is INT8 worth it? Engines timed in turns on this machine -> timing.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import BaseModel

from edgecsi.bundle import Signature
from edgecsi.export.targets import Target, all_targets, get_target
from edgecsi.files import write_json
from edgecsi.latency import Plan, Started, Subject, make_plan, run_session
from edgecsi.latency.environment import available_cpus
from edgecsi.radio import RadioSetting
from edgecsi.runtime import run_in_pieces, start_engine
from edgecsi.stages.engine import load_built
from edgecsi.stages.graph import FACTS
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.tasks import TASKS

TIMING = "timing.json"
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


class Options(StageOptions):
    """targets: what is timed; the first is the baseline."""

    targets: tuple[str, ...]


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`graph`, and a folder of every target's engine by the target's name -> timing.json."""
    facts = json.loads((inputs["graph"] / FACTS).read_text())
    task, radio = facts["task"], RadioSetting(**facts["radio"])
    subjects = [EngineSubject(name, inputs[name], task, radio) for name in options.targets]
    write_json(out / TIMING, [timing.model_dump() for timing in time_engines(subjects)])


@dataclass(frozen=True)
class EngineSubject:
    """What an engine stage wrote, as something to time. label: its name in the report (None: the target)."""

    target: str
    folder: Path
    task: str
    radio: RadioSetting
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
        built, _ = load_built(self.folder)
        task = TASKS.get(self.task)
        precision = get_target(self.target).precision
        engine = start_engine(built.engine, built.files, Signature.of(task, self.radio), threads, precision)

        def call(inputs: NDArray[Any]) -> NDArray[Any]:
            return task.target.from_engine(run_in_pieces(engine, task.input.to_engine(inputs)))

        return Started(call, task, self.radio)


def competitors(names: Sequence[str]) -> list[Target]:
    """What to time when a run asks for INT8: its targets that run here, and the libraries' other engines."""
    asked = [get_target(name) for name in names]
    engines = {target.row.target for target in asked if target.calibrated}
    if not engines:
        return []
    wanted = [target for target in all_targets() if target in asked or _is_sibling(target, engines)]
    return [target for target in wanted if not (target.why_not_build() or target.why_not_run())]


def _is_sibling(target: Target, engines: set[str]) -> bool:
    return target.row.target in engines and not target.calibrated


def time_engines(subjects: Sequence[EngineSubject]) -> list[TargetTiming]:
    """Time engines side by side; the first is the baseline."""
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


ROW = STAGES.register(
    StageRow(
        "timing",
        "time the engines of an INT8 run in turns",
        run,
        Options,
        libraries=lambda options: tuple(
            dict.fromkeys(lib for name in options.targets for lib in get_target(name).libraries)
        ),
        modules=lambda options: [m for name in options.targets for m in get_target(name).modules],
        module=__name__,
    )
)
