"""edgecsi compress: the main job, from channels to verified bundles."""

from __future__ import annotations

from pathlib import Path

import click

from edgecsi.cli import options


@click.command("compress")
@click.option(
    "--target", "targets", multiple=True, required=True, help="As listed by `edgecsi targets`; repeatable."
)
@click.option(
    "--profile",
    type=click.Choice(["reference", "quick", "full"]),
    default="reference",
    show_default=True,
    help="The student: shipped; trained small, on two CPU cores; at the papers' size, on a GPU.",
)
@click.option("--data", type=options.PATH, help="Dataset to use instead of generating one.")
@click.option(
    "--teacher", type=options.PATH, help="Model folder to use instead of training a teacher, or reference."
)
@click.option("--student", type=options.PATH, help="Model folder to use, or a shipped student's name.")
@click.option("--calibration", type=options.PATH, help="Calibration set to use instead of sampling one.")
@click.option("--backbone", help="Of the teacher: smollm2, gpt2, qwen2.5-0.5b, random.")
@options.backbone_folder
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the profile: student.epochs=50."
)
@options.goals
@options.seed
@click.option("-o", "--output", type=options.PATH, default=Path("build"), show_default=True)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@options.json_file
def command(
    targets: tuple[str, ...],
    profile: str,
    data: Path | None,
    teacher: Path | None,
    student: Path | None,
    calibration: Path | None,
    backbone: str | None,
    backbone_folder: Path | None,
    changes: tuple[str, ...],
    max_nmse_loss_db: float,
    max_worst_speed_loss_db: float,
    seed: int,
    output: Path,
    dry_run: bool,
    json_path: Path | None,
) -> None:
    """Train, distil, export, build and prove: one verified bundle per target.

    Stages that are done already are kept; a changed option redoes only what depends on it.
    """

    from edgecsi.bundle import Goals
    from edgecsi.cli.output import emit
    from edgecsi.pipeline.compress import compress, plan_rows
    from edgecsi.pipeline.profiles import PROFILES
    from edgecsi.pipeline.request import CompressRequest
    from edgecsi.pipeline.verdict import raise_for
    from edgecsi.report.compress_table import print_compress, print_plan

    settings = dict(_pair(change) for change in changes)
    if backbone:
        settings["teacher.backbone"] = backbone
    request = CompressRequest(
        targets=tuple(dict.fromkeys(targets)),
        profile=PROFILES[profile].changed(settings),
        out=output,
        goals=Goals(max_nmse_loss_db=max_nmse_loss_db, max_worst_speed_loss_db=max_worst_speed_loss_db),
        data=data,
        teacher=teacher,
        student=student,
        calibration=calibration,
        backbone_folder=backbone_folder,
        changed=tuple(settings),
        seed=seed,
    )
    if dry_run:
        rows = [
            {"stage": row.stage.name, "key": row.stage.key, "cached": row.cached}
            for row in plan_rows(request)
        ]
        emit(rows, json_path, lambda console: print_plan(rows, console))
        return
    report = compress(request)
    emit(report.model_dump(), json_path, lambda console: print_compress(report.model_dump(), console))
    raise_for(report)


def _pair(change: str) -> tuple[str, str]:
    name, equals, value = change.partition("=")
    if not equals:
        raise click.BadParameter(f"{change!r} is not KEY=VALUE", param_hint="--set")
    return name, value
