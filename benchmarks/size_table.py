"""Parameters and inference time of every predictor, on the machine that runs this (the papers' Table I).

Networks run in PyTorch; benchmarks/cpu_engines.py times the student in its engines. A network's time does not
depend on its weights, so one that is not trained is timed as it is drawn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from predictors import TASK, Row, sizes, table_networks

from edgecsi.errors import ModelError
from edgecsi.latency import (
    LatencyReport,
    Measurable,
    NetworkSubject,
    Started,
    Subject,
    make_plan,
    run_session,
)
from edgecsi.latency.environment import available_cpus
from edgecsi.models import Network, build_network, load_config, save
from edgecsi.models.baselines import Predict
from edgecsi.models.folder import trained_state
from edgecsi.progress import say
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS
from edgecsi.training import NetworkChoice
from edgecsi.training.train import new_config

SHORT = {"starts": 1, "cap_seconds": 6.0, "network_cap_seconds": 6.0}  # a rough median will do


@dataclass(frozen=True)
class BaselineSubject:
    """A predictor without a network, timed like one."""

    name: str
    predict: Predict
    radio: RadioSetting

    def describe(self) -> Subject:
        """It runs anywhere."""
        return Subject(
            name=self.name, kind="network", engine="numpy", precision="fp64", task=TASK, radio=self.radio
        )

    def golden(self) -> None:
        """It has none."""

    def start(self, threads: int) -> Started:
        """Nothing to load. Numpy's small systems stay on one thread."""
        return Started(self.predict, TASKS.get(TASK), self.radio)


def size_panel(
    folder: Path, radio: RadioSetting, baselines: Sequence[Row], backbone: str = "smollm2"
) -> dict[str, Any]:
    """The table, from baselines, the model folders in `folder` and, where they are missing, new networks."""
    subjects: list[Measurable] = []
    facts: dict[str, dict[str, Any]] = {}
    reasons: dict[str, str | None] = {}
    for row in baselines:
        facts[row.name], reasons[row.name] = {} if row.reason else row.facts, row.reason
        subjects += [BaselineSubject(row.name, at(None), radio) for at in row.predictors.values()]
    with tempfile.TemporaryDirectory() as work:
        for network in table_networks():
            name, place = network.name, folder / network.name
            try:
                trained = (place / "config.json").is_file()
                place = place if trained else _untrained(network, radio, backbone, Path(work) / name)
                facts[name] = _facts(place, trained)
                subjects.append(NetworkSubject(place))
            except ModelError as error:
                facts[name], reasons[name] = {}, str(error)
        report = _measure(subjects)
    return _panel(facts, reasons, _medians(report), radio.antennas)


def _untrained(network: Network, radio: RadioSetting, backbone: str, folder: Path) -> Path:
    config = new_config(
        NetworkChoice(network=network.name, backbone=backbone if network.backbone else None), radio
    )
    torch.manual_seed(config.seed)
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
    facts: dict[str, dict[str, Any]],
    reasons: dict[str, str | None],
    medians: dict[str, dict[str, float]],
    antennas: int,
) -> dict[str, Any]:
    sizes = {"parameters, M": "parameters", "trained, M": "trained_parameters"}
    rows = []
    for name, known in facts.items():
        values = {column: [known[key] / 1e6] for column, key in sizes.items() if key in known}
        values |= {column: [times[name]] for column, times in medians.items() if name in times}
        rows.append(
            {"name": name, "facts": known, "reason": reasons.get(name), "seeds": [0], "values": values}
        )
    return {
        "title": f"Parameters, and time per call for one user ({antennas} antennas), median",
        "x": "setting",
        "unit": "size and time",
        "digits": 3,
        "columns": [*sizes, *medians],
        "rows": rows,
    }
