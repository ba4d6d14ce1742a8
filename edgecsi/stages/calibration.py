"""Stage `calibration`: training and validation users that INT8 is calibrated on -> calibration.h5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgecsi.calib.options import CalibrationOptions
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.trained_code import any_task

CALIBRATION = "calibration.h5"


class Options(CalibrationOptions, StageOptions):
    """At most so many users as asked for, fewer where the dataset has fewer."""


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`data`, a dataset -> calibration.h5."""
    from edgecsi.calib.sampling import sample
    from edgecsi.channel import Dataset, split

    with Dataset.open(inputs["data"]) as dataset:
        users = split(dataset)
    most = {
        "users": min(options.users, len(users.train)),
        "held_out": min(options.held_out, len(users.val)),
    }
    sample(inputs["data"], out / CALIBRATION, options.model_copy(update=most))


ROW = STAGES.register(
    StageRow(
        "calibration",
        "sample a calibration set",
        run,
        Options,
        libraries=lambda options: ("numpy",),
        modules=any_task,
        module=__name__,
    )
)
