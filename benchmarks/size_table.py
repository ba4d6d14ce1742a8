"""Parameters and inference time of every predictor, on the machine that runs this (the papers' Table I).

Networks run in PyTorch; benchmarks/cpu_engines.py times the student in its engines. A network's time does not
depend on its weights, so one that is not trained is timed as it is drawn.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from predictors import NETWORKS, Steps, sizes

from edgecsi.bundle import GoldenSet
from edgecsi.channel.tr38901 import SHAPE, STEP_S
from edgecsi.errors import ModelError
from edgecsi.latency.environment import available_cpus
from edgecsi.latency.plan import make_plan
from edgecsi.latency.results import LatencyReport, Subject
from edgecsi.latency.session import run_session
from edgecsi.latency.subjects import Measurable, NetworkSubject, Started
from edgecsi.models import ModelConfig, build_network, load_config, save
from edgecsi.models.baselines import RidgeAr, bin_rotation, hold_last, phase_rotation
from edgecsi.models.folder import LLM_BACKED, STUDENTS, trained_state
from edgecsi.progress import say

SHORT = {"starts": 1, "cap_seconds": 6.0, "network_cap_seconds": 6.0}  # a rough median will do
CLASSICAL: dict[str, Steps] = {
    "hold last": hold_last,
    "phase rotation per user": phase_rotation,
    "rotation per angle-delay bin": bin_rotation,
    "ridge AR per bin, order 8": RidgeAr(8, 0.3, pooled=False),
    "ridge AR, pooled, order 8": RidgeAr(8, 0.3),
}


@dataclass(frozen=True)
class ClassicalSubject:
    """A predictor without a network, timed like one."""

    name: str
    predict: Steps

    def describe(self) -> Subject:
        """It runs anywhere."""
        return Subject(name=self.name, kind="network", engine="numpy", precision="fp64")

    def golden(self) -> GoldenSet | None:
        """It has none."""
        return None

    def start(self, threads: int) -> Started:
        """Nothing to load. Numpy's small systems stay on one thread."""
        return Started(lambda history: self.predict(history, SHAPE.future), SHAPE)


def size_panel(folder: Path, backbone: str = "smollm2") -> dict[str, Any]:
    """The table, from the model folders in `folder` and, where they are missing, new networks."""
    subjects: list[Measurable] = [ClassicalSubject(*item) for item in CLASSICAL.items()]
    facts: dict[str, dict[str, Any]] = {name: {"parameters": 0} for name in CLASSICAL}
    reasons: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as work:
        for name in (name for name in NETWORKS if name in (*LLM_BACKED, *STUDENTS)):
            try:
                place = folder / name
                trained = (place / "config.json").is_file()
                place = place if trained else _untrained(name, backbone, Path(work) / name)
                facts[name] = _facts(place, trained)
                subjects.append(NetworkSubject(place))
            except ModelError as error:
                facts[name], reasons[name] = {}, str(error)
        report = _measure(subjects)
    return _panel(facts, reasons, _medians(report))


def _untrained(name: str, backbone: str, folder: Path) -> Path:
    torch.manual_seed(0)
    needed = backbone if name in LLM_BACKED else None
    config = ModelConfig(name=name, shape=SHAPE, duplex="tdd", step_s=STEP_S, backbone=needed)
    save(folder, config, trained_state(build_network(config)), [])
    return folder


def _facts(folder: Path, trained: bool) -> dict[str, Any]:
    config = load_config(folder)
    return {
        **sizes(build_network(config)),
        "backbone": config.backbone,
        "hardware": "trained" if trained else "not trained: timed as drawn",
    }


def _measure(subjects: list[Measurable]) -> LatencyReport:
    threads = sorted({1, len(available_cpus())})
    plan = make_plan("quick", users=(1,), threads=threads)
    return run_session(
        subjects,
        plan.model_copy(update=SHORT),
        progress=lambda what, done, total: say(f"{done + 1}/{total} {what}"),
    )


def _medians(report: LatencyReport) -> dict[str, dict[str, float]]:
    """Setting -> subject -> median over process starts of their median time of a call, in ms."""
    found: dict[str, dict[str, float]] = {}
    for subject in report.subjects:
        for cell in subject.cells:
            if cell.runs:
                column = f"ms per user, {cell.setting.label}"
                found.setdefault(column, {})[subject.name] = median(s.p50_us for s in cell.starts) / 1e3
    return dict(sorted(found.items(), reverse=True))  # one thread last: the plot shows the last column


def _panel(
    facts: dict[str, dict[str, Any]], reasons: dict[str, str], medians: dict[str, dict[str, float]]
) -> dict[str, Any]:
    sizes = {"parameters, M": "parameters", "trained, M": "trained_parameters"}
    rows = []
    for name, known in facts.items():
        values = {column: [known[key] / 1e6] for column, key in sizes.items() if key in known}
        values |= {column: [times[name]] for column, times in medians.items() if name in times}
        title = NETWORKS.get(name, name)
        rows.append(
            {"name": title, "facts": known, "reason": reasons.get(name), "seeds": [0], "values": values}
        )
    return {
        "title": "Parameters, and time per call for one user (32 antennas), median",
        "x": "setting",
        "unit": "size and time",
        "digits": 3,
        "columns": [*sizes, *medians],
        "rows": rows,
    }
