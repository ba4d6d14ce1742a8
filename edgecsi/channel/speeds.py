"""User speeds as a person writes them: `30`, `10-100` or `5,10,50`, in km/h."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def parse_speeds(text: str) -> tuple[float, ...]:
    """One speed, the two ends of a range, or a list; ValueError says what is wrong."""
    try:
        speeds = tuple(float(part) for part in text.replace("-", ",").split(","))
    except ValueError:
        raise ValueError(f"'{text}' is no speed in km/h; write 30, 10-100 or 5,10,50") from None
    if not all(0 <= speed <= 1000 for speed in speeds):
        raise ValueError(f"'{text}': a speed lies between 0 and 1000 km/h")
    if "-" in text and (len(speeds) != 2 or speeds[0] > speeds[1]):
        raise ValueError(f"'{text}': a range goes from the lower to the higher speed, as 10-100")
    return speeds


def spread_speeds(speeds: tuple[float, ...], count: int) -> NDArray[np.float32]:
    """Speeds of a speed axis of `count` places: one for all, two ends linearly, or one for each place."""
    if len(speeds) == count:
        return np.array(speeds, np.float32)
    if len(speeds) > 2:
        raise ValueError(f"{len(speeds)} speeds given for a speed axis of {count}")
    return np.linspace(speeds[0], speeds[-1], count, dtype=np.float32)
