"""What a calibration set holds, in numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import BaseModel

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.metrics import label_order
from edgecsi.radio import RadioSetting
from edgecsi.users import CLEAN


class CalibrationSummary(BaseModel):
    """One calibration set; the schema of `edgecsi calib info --json`."""

    file: str
    id: str
    task: str
    dataset: str  # digest
    scenario: str
    seed: int
    users: int
    held_out: int
    users_per_group: dict[str, dict[str, int]]  # grouping, as speed_kmh -> row -> calibrating users in it
    users_per_snr: dict[str, int]  # calibrating users at each level of SNR, in dB or "clean"
    radio: RadioSetting


def summarise(path: Path) -> CalibrationSummary:
    """Sum up a calibration set. DataError where it can't be used."""
    with CalibrationSet.open(path) as calibration:
        levels = Counter(calibration.snr_db[: calibration.info.users].tolist())
        return CalibrationSummary(
            file=str(path),
            id=calibration.id,
            task=calibration.task.name,
            **calibration.info.model_dump(),
            users_per_group={
                name: {row: int((labels == row).sum()) for row in label_order(labels)}
                for name, labels in calibration.groups().items()
            },
            users_per_snr={
                "clean" if level == CLEAN else f"{level:g}": levels[level]
                for level in sorted(levels, reverse=True)
            },
            radio=calibration.radio,
        )
