"""Panels of the accuracy tables: NMSE of rows by speed, or by the history's SNR. NMSE is the users' mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from predictors import Row, SnrDb
from table_files import Json

from edgecsi.channel import Dataset
from edgecsi.metrics import NmseReport
from edgecsi.training import Augmentation, evaluate

NOISE_SEED = 7
SNRS: tuple[SnrDb, ...] = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, None)


def speed_panel(title: str, rows: Sequence[Row], path: Path, users: NDArray[np.int64], snr_db: SnrDb) -> Json:
    """NMSE by speed and over all."""
    found = [(row, _reports(row, path, users, snr_db)) for row in rows]
    speeds = sorted(
        {key for _, reports in found for report in reports for key in report.per_speed_db}, key=int
    )
    lines = []
    for row, reports in found:
        values = {s: [report.per_speed_db[s] for report in reports] for s in speeds if reports}
        lines.append(_line(row, values | {"all": [report.nmse_mean_db for report in reports]}))
    return _panel(title, "km/h", [*speeds, "all"], lines)


def snr_panel(title: str, rows: Sequence[Row], path: Path, users: NDArray[np.int64]) -> Json:
    """NMSE by the history's SNR."""
    lines = []
    for row in rows:
        found = {_level(snr): [r.nmse_mean_db for r in _reports(row, path, users, snr)] for snr in SNRS}
        lines.append(_line(row, found))
    return _panel(title, "SNR of the history in dB", [_level(snr) for snr in SNRS], lines)


def noise_words(snr_db: SnrDb) -> str:
    """The history's SNR as a title says it."""
    return "clean" if snr_db is None else f"{snr_db:g} dB SNR"


def _reports(row: Row, path: Path, users: NDArray[np.int64], snr_db: SnrDb) -> list[NmseReport]:
    """One report per seed."""
    with Dataset.open(path) as dataset:
        noise = Augmentation(snr_db, seed=NOISE_SEED)
        return [evaluate(at(snr_db), dataset, users, noise) for _, at in sorted(row.predictors.items())]


def _line(row: Row, values: dict[str, list[float]]) -> Json:
    seeds = sorted(row.predictors)
    shown = values if seeds else {}
    return {"name": row.name, "facts": row.facts, "reason": row.reason, "seeds": seeds, "values": shown}


def _panel(title: str, x: str, columns: list[str], rows: list[Json]) -> Json:
    return {"title": title, "x": x, "unit": "NMSE in dB", "columns": columns, "rows": rows}


def _level(snr_db: SnrDb) -> str:
    return "clean" if snr_db is None else f"{snr_db:g}"
