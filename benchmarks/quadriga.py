"""The archive of QuaDRiGa channels that models are evaluated on, as a dataset file.

Its licence is non-commercial: nothing trained on it is shipped, and it is not in this repository.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from channels import Duplex

from edgecsi.channel import ChannelInfo, write_dataset
from edgecsi.csi import CsiShape


def write_quadriga(source: Path, path: Path, shape: CsiShape, duplex: Duplex = "tdd") -> None:
    """The QuaDRiGa archive [speed, user, time, subcarrier, column, row, polarisation, re_im] as a dataset.

    Its time is the uplink's history, then its future, then the same future of the downlink in the band above.
    """
    with np.load(source) as archive:
        csi, rms, speeds = archive["csi"], archive["rms"], archive["speed_kmh"]
    blocks, users = rms.shape
    info = ChannelInfo(
        scenario="uma", los=False, duplex=duplex, generator="QuaDRiGa", generator_version="unknown"
    )
    with write_dataset(path, info, shape, blocks * users) as writer:
        for block in range(blocks):
            values = csi[block].astype(np.float32).view(np.complex64)[..., 0] * rms[block].reshape(
                -1, *(1,) * 5
            )
            values = values.reshape(*values.shape[:3], -1).transpose(0, 3, 1, 2)  # user, antenna, time, K
            history, uplink, downlink = np.split(
                values, [shape.history, shape.history + shape.future], axis=2
            )
            future = downlink if duplex == "fdd" else uplink
            same = np.full(users, block)
            writer.write(block * users, history, future, np.full(users, speeds[block]), same)
