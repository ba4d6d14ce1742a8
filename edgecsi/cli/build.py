"""edgecsi build: another engine from a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from edgecsi.cli import options


@click.command("build")
@click.argument("bundle", type=options.PATH)
@click.option("--target", required=True, help="As listed by `edgecsi targets`.")
@click.option("--digest", help="Refuse the bundle unless it has this digest.")
@click.option("--calibration", type=options.PATH, help="Calibration set, for an INT8 target.")
@options.goals
@click.option(
    "-o", "--output", type=options.PATH, help="Bundle to write  [default: TARGET.edgecsi beside it]"
)
@options.json_file
def command(
    bundle: Path,
    target: str,
    digest: str | None,
    calibration: Path | None,
    max_nmse_loss_db: float,
    max_worst_speed_loss_db: float,
    output: Path | None,
    json_path: Path | None,
) -> None:
    """Build another engine from the ONNX graph in BUNDLE, on the machine that will run it, without torch."""
    from edgecsi.bundle import Goals
    from edgecsi.cli.output import emit
    from edgecsi.errors import GoalMissed
    from edgecsi.pipeline.rebuild import rebuild

    path = output or bundle.resolve().parent / f"{target}.edgecsi"
    goals = Goals(max_nmse_loss_db=max_nmse_loss_db, max_worst_speed_loss_db=max_worst_speed_loss_db)
    built = rebuild(bundle, target, path, goals, digest, calibration)
    proof = built.manifest.nmse
    line = f"{path}: loses {proof.nmse_loss_db:+.4f} dB on {proof.test_set.users} golden users"
    emit(proof.model_dump(), json_path, lambda console: console.print(line, soft_wrap=True))
    if not proof.goals_met:
        raise GoalMissed(
            f"{path} misses its goal: {proof.nmse_loss_db:+.4f} dB overall, "
            f"{proof.worst_speed_loss_db:+.4f} dB at {proof.worst_speed_kmh} km/h"
        )
