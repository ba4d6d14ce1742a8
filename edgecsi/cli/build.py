"""edgecsi build: another engine from a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecsi.cli import options
from edgecsi.cli.from_model import build_model, model_options
from edgecsi.metrics import GoalBounds

STUDENT_BOUNDS = ("max_teacher_loss_db", "max_baseline_loss_db")  # the student was judged when it was made


@click.command("build")
@click.argument("bundle", type=options.PATH)
@click.option("--target", required=True, help="As listed by `edgecsi targets`.")
@click.option("--digest", help="Refuse the bundle unless it has this digest.")
@click.option("--calibration", type=options.PATH, help="Calibration set, for an INT8 target.")
@click.option("--accept-radio-mismatch", is_flag=True, help="Take a calibration set of another setting.")
@model_options(GoalBounds, skip=STUDENT_BOUNDS)
@click.option(
    "-o", "--output", type=options.PATH, help="Bundle to write  [default: TARGET-NETWORK.edgecsi beside it]"
)
@options.json_file
def command(
    bundle: Path,
    target: str,
    digest: str | None,
    calibration: Path | None,
    accept_radio_mismatch: bool,
    output: Path | None,
    json_path: Path | None,
    **values: Any,
) -> None:
    """Build another engine from the ONNX graph in BUNDLE, on the machine that will run it, without torch."""
    from edgecsi.cli.output import emit
    from edgecsi.errors import GoalMissed
    from edgecsi.metrics import missed
    from edgecsi.stages.rebuild import rebuild

    bounds = build_model(GoalBounds, values)
    built = rebuild(bundle, target, output, bounds, digest, calibration, accept_radio_mismatch)
    proof = built.manifest.proof
    lines = [f"{built.path}: proven on {proof.test_set.users} golden users", *(g.line for g in proof.goals)]
    emit(
        proof.model_dump(mode="json"),
        json_path,
        lambda console: [
            console.print(line, soft_wrap=True, highlight=False, markup=False) for line in lines
        ],
    )
    if lost := missed(goal for goal in proof.goals if goal.subject == "engine"):
        raise GoalMissed(f"{built.path} misses its goal: {'; '.join(goal.line for goal in lost)}")
