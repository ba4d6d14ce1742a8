"""Stage `relation-targets`: the teacher's queries, keys and values on the training users -> targets.h5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from edgecsi.stages.stage import STAGES, StageOptions, StageRow
from edgecsi.stages.trained_code import code_of, training_libraries
from edgecsi.training.options import ExampleOptions, NetworkChoice

TARGETS = "targets.h5"


class Options(ExampleOptions, StageOptions):
    """Users, cuts and noise of the student's training; `part_of` takes them from the student's options."""

    teacher: str = Field(
        "csi-alm", min_length=1, max_length=100, description="Name of the teacher's network."
    )
    accept_radio_mismatch: bool = Field(False, description="As of the student's training.")


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """`data`, a dataset, and `teacher`, a model folder -> targets.h5."""
    from edgecsi.distill.targets import make_targets
    from edgecsi.errors import ModelError
    from edgecsi.models import load_config

    found = load_config(inputs["teacher"]).name
    if found != options.teacher:
        raise ModelError(f"the teacher {inputs['teacher']} is {found}, not {options.teacher}")
    examples = ExampleOptions.part_of(options)
    make_targets(inputs["teacher"], inputs["data"], examples, out / TARGETS, options.accept_radio_mismatch)


ROW = STAGES.register(
    StageRow(
        "relation-targets",
        "run the teacher over the training users",
        run,
        Options,
        libraries=lambda options: training_libraries(NetworkChoice(network=options.teacher)),
        modules=lambda options: code_of(options.teacher),
        module=__name__,
    )
)
