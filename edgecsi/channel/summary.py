"""What a dataset holds, in numbers."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from edgecsi.channel.dataset import Dataset
from edgecsi.channel.info import ChannelInfo


class DatasetSummary(BaseModel):
    """One dataset file; the schema of `edgecsi data info --json`."""

    file: str
    digest: str
    users: int
    drops: int
    antennas: int
    history_steps: int
    future_steps: int
    subcarriers: int
    speed_kmh: tuple[float, float]  # lowest, highest
    rms: float  # of the first users' history: the scale of the coefficients
    info: ChannelInfo


def summarise(ds: Dataset) -> DatasetSummary:
    """Sum up an open dataset, without reading all of it."""
    return DatasetSummary(
        file=str(ds.path),
        digest=ds.digest,
        users=len(ds),
        drops=len(np.unique(ds.drop)),
        antennas=ds.shape.antennas,
        history_steps=ds.shape.history,
        future_steps=ds.shape.future,
        subcarriers=ds.shape.subcarriers,
        speed_kmh=(float(ds.speed_kmh.min()), float(ds.speed_kmh.max())),
        rms=float(np.sqrt(np.mean(np.abs(ds.history(slice(0, 100))) ** 2, dtype=np.float64))),
        info=ds.info,
    )
