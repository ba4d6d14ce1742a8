"""What a dataset holds, in numbers."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from edgecsi.channel.dataset import Dataset
from edgecsi.channel.origin import Origin
from edgecsi.radio import RadioSetting


class DatasetSummary(BaseModel):
    """One dataset file; the schema of `edgecsi data info --json`."""

    file: str
    digest: str
    task: str
    users: int
    drops: int
    speed_kmh: tuple[float, float]  # lowest, highest
    rms: float  # of the first users' history: the scale of the numbers
    radio: RadioSetting
    origin: Origin


def summarise(ds: Dataset) -> DatasetSummary:
    """Sum up an open dataset, without reading all of it."""
    return DatasetSummary(
        file=str(ds.path),
        digest=ds.digest,
        task=ds.task.name,
        users=len(ds),
        drops=len(np.unique(ds.drop)),
        speed_kmh=(float(ds.speed_kmh.min()), float(ds.speed_kmh.max())),
        rms=float(np.sqrt(np.mean(np.abs(ds.history(slice(0, 100))) ** 2, dtype=np.float64))),
        radio=ds.radio,
        origin=ds.origin,
    )
