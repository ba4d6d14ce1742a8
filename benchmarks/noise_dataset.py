"""A dataset of Gaussian noise, for benchmarks that look at sizes only. Loads no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecsi.channel import Origin, write_dataset
from edgecsi.radio import RadioSetting

BLOCK, USERS_PER_DROP = 100, 10


def write_noise(path: Path, radio: RadioSetting, users: int) -> None:
    """A dataset of seeded Gaussian noise at speeds from 10 to 100 km/h."""
    random = np.random.default_rng(0)
    origin = Origin(scenario="noise", generator="numpy", generator_version=np.__version__)
    with write_dataset(path, radio, origin, users) as writer:
        for first in range(0, users, BLOCK):
            rows = np.arange(first, min(first + BLOCK, users))
            size = (len(rows), radio.antennas, radio.history + radio.future, radio.subcarriers, 2)
            csi = random.standard_normal(size, np.float32).view(np.complex64)[..., 0]
            history, future = np.split(csi, [radio.history], axis=2)
            writer.write(first, history, future, 10.0 + 90 * random.random(len(rows)), rows // USERS_PER_DROP)
