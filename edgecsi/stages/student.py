"""Stage `student`: a teacher's targets and channels -> model/, a student."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from edgecsi.distill.options import DistillOptions
from edgecsi.stages.network import MODEL, with_inputs
from edgecsi.stages.relation_targets import TARGETS
from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.trained_code import network_modules, training_libraries
from edgecsi.training.options import NetworkChoice


class Options(DistillOptions, NetworkChoice, StageOptions):
    """Which student, and how it is distilled."""

    network: str = Field("csi-alm-light", min_length=1, max_length=100, description="The student, by name.")


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`data`, a dataset, and `targets`, the folder that stage relation-targets wrote -> model/.

    Optional inputs as those of stage `network`.
    """
    from edgecsi.distill.distill import train_student

    options = with_inputs(options, inputs)
    choice, distillation = NetworkChoice.part_of(options), DistillOptions.part_of(options)
    train_student(inputs["targets"] / TARGETS, choice, inputs["data"], distillation, out / MODEL)


ROW = STAGES.register(
    StageRow(
        "student",
        "distil the teacher into a student",
        run,
        Options,
        libraries=training_libraries,
        modules=network_modules,
        module=__name__,
    )
)
