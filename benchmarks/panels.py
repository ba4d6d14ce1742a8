"""Panels of the accuracy tables: NMSE of rows by group, or by the history's SNR. NMSE is the users' mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from predictors import Row, SnrDb
from table_files import Json

from edgecsi.channel import Dataset
from edgecsi.metrics import Report, label_order
from edgecsi.training import Augmentation
from edgecsi.training.evaluation import evaluate

NOISE_SEED = 7
SNRS: tuple[SnrDb, ...] = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, None)
ALL, STEPS_SNR = "all", "20"  # columns whose steps ahead are shown


def group_panel(title: str, rows: Sequence[Row], path: Path, users: NDArray[np.int64], snr_db: SnrDb) -> Json:
    """NMSE by the rows of the task's first grouping (CSI: speed), and over all."""
    with Dataset.open(path) as dataset:
        grouping = dataset.task.worst_grouping
        labels = label_order(dataset.task.labels(dataset.columns(users))[grouping.name])
    lines = []
    for row in rows:
        reports = _reports(row, path, users, snr_db)
        groups = [report.groups[grouping.name] for report in reports]
        values = {label: [group[label] for group in groups] for label in labels}
        lines.append(_line(row, values | {ALL: [report.mean_db for report in reports]}, {ALL: reports}))
    return _panel(title, grouping.unit, [*labels, ALL], lines, ALL)


def snr_panel(title: str, rows: Sequence[Row], path: Path, users: NDArray[np.int64]) -> Json:
    """NMSE by the history's SNR."""
    lines = []
    for row in rows:
        found = {_level(snr): _reports(row, path, users, snr) for snr in SNRS}
        values = {level: [report.mean_db for report in reports] for level, reports in found.items()}
        lines.append(_line(row, values, found))
    return _panel(title, "SNR of the history in dB", [_level(snr) for snr in SNRS], lines, STEPS_SNR)


def noise_words(snr_db: SnrDb) -> str:
    """The history's SNR as a title says it."""
    return "clean" if snr_db is None else f"{snr_db:g} dB SNR"


def _reports(row: Row, path: Path, users: NDArray[np.int64], snr_db: SnrDb) -> list[Report]:
    """One report per seed."""
    with Dataset.open(path) as dataset:
        noise = Augmentation(snr_db, seed=NOISE_SEED)
        return [evaluate(at(snr_db), dataset, users, noise) for _, at in sorted(row.predictors.items())]


def _line(row: Row, values: Mapping[str, list[float]], reports: Mapping[str, list[Report]]) -> Json:
    """One row. reports: column -> a report per seed, whose steps ahead are kept too."""
    seeds = sorted(row.predictors)
    steps = {column: [report.steps_db for report in found] for column, found in reports.items()}
    line = {"name": row.name, "facts": row.facts, "reason": row.reason, "seeds": seeds}
    return {**line, "values": values if seeds else {}, "steps_db": steps if seeds else {}}


def _panel(title: str, x: str, columns: list[str], rows: list[Json], steps_of: str) -> Json:
    told = {"title": title, "x": x, "unit": "NMSE in dB", "columns": columns, "rows": rows}
    return {**told, "steps_of": steps_of}


def _level(snr_db: SnrDb) -> str:
    return "clean" if snr_db is None else f"{snr_db:g}"
