"""What a calibration set holds, in numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import BaseModel

from edgecsi.calib.calibration_set import CLEAN, CalibrationSet
from edgecsi.metrics.nmse import speed_label


class CalibrationSummary(BaseModel):
    """One calibration set; the schema of `edgecsi calib info --json`."""

    file: str
    id: str
    dataset: str  # digest
    scenario: str
    seed: int
    users: int
    held_out: int
    antennas: int
    history_steps: int
    future_steps: int
    subcarriers: int
    users_per_speed: dict[str, int]  # calibrating users of each row of speed, in km/h
    users_per_snr: dict[str, int]  # calibrating users at each level of SNR, in dB or "clean"


def summarise(path: Path) -> CalibrationSummary:
    """Sum up a calibration set. DataError where it can't be used."""
    with CalibrationSet.open(path) as calibration:
        shape, users = calibration.shape, calibration.info.users
        speeds = Counter(speed_label(speed) for speed in calibration.speed_kmh[:users])
        levels = Counter(calibration.snr_db[:users].tolist())
        return CalibrationSummary(
            file=str(path),
            id=calibration.id,
            **calibration.info.model_dump(),
            antennas=shape.antennas,
            history_steps=shape.history,
            future_steps=shape.future,
            subcarriers=shape.subcarriers,
            users_per_speed={label: speeds[label] for label in sorted(speeds, key=int)},
            users_per_snr={
                "clean" if level == CLEAN else f"{level:g}": levels[level]
                for level in sorted(levels, reverse=True)
            },
        )
