"""The archive of QuaDRiGa channels that models are evaluated on, as a dataset file.

Its licence is non-commercial: nothing trained on it is shipped, and it is not in this repository.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecsi.channel import Origin, write_dataset
from edgecsi.radio import RadioSetting


def write_quadriga(source: Path, path: Path, radio: RadioSetting) -> None:
    """The QuaDRiGa archive [speed, user, time, subcarrier, column, row, polarisation, re_im] as a dataset.

    Its time is the uplink's history, then its future, then the same future of the downlink in the band above.
    """
    with np.load(source) as archive:
        csi, rms, speeds = archive["csi"], archive["rms"], archive["speed_kmh"]
    blocks, users = rms.shape
    origin = Origin(scenario="uma", los=False, generator="QuaDRiGa", generator_version="unknown")
    with write_dataset(path, radio, origin, blocks * users) as writer:
        for block in range(blocks):
            values = csi[block].astype(np.float32).view(np.complex64)[..., 0] * rms[block].reshape(
                -1, *(1,) * 5
            )
            values = values.reshape(*values.shape[:3], -1).transpose(0, 3, 1, 2)  # user, antenna, time, K
            history, uplink, downlink = np.split(
                values, [radio.history, radio.history + radio.future], axis=2
            )
            future = downlink if radio.duplex == "fdd" else uplink
            same = np.full(users, block)
            writer.write(block * users, history, future, np.full(users, speeds[block]), same)
