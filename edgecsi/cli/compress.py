"""edgecsi compress: the main job, from channels to verified bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecsi.cli import options
from edgecsi.cli.from_model import given_fields, model_options
from edgecsi.metrics import GoalBounds
from edgecsi.stages.recipe import PROFILES, Given
from edgecsi.training.options import NetworkChoice


@click.command("compress")
@click.option("--target", "targets", multiple=True, help="As listed by `edgecsi targets`; repeatable.")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="reference",
    show_default=True,
    help="The student: shipped; trained small, on two CPU cores; at the papers' size, on a GPU.",
)
@click.option("--config", type=options.PATH, help="Recipe (YAML), as every run saves it; FILE#2: its second.")
@model_options(Given)
@model_options(NetworkChoice, skip=("network", "network_options"))
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the recipe: student.epochs=50."
)
@model_options(GoalBounds)
@click.option("--accept-radio-mismatch", is_flag=True, help="Take what was made for another radio setting.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of everything that chance plays in.")
@click.option("-o", "--output", type=options.PATH, default=Path("build"), show_default=True)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@options.json_file
def command(
    targets: tuple[str, ...],
    profile: str,
    config: Path | None,
    changes: tuple[str, ...],
    accept_radio_mismatch: bool,
    seed: int | None,
    output: Path,
    dry_run: bool,
    json_path: Path | None,
    **values: Any,
) -> None:
    """Train, distil, export, build and prove: one verified bundle per target.

    Stages that are done already are kept; a changed option redoes only what depends on it.
    """
    from edgecsi.cli.output import emit
    from edgecsi.report.compress_table import print_compress, print_plan
    from edgecsi.stages.compress import make_recipe, plan_rows, run_recipe

    settings: dict[str, Any] = dict(_pair(change) for change in changes)
    settings |= {f"given.{name}": value for name, value in given_fields(Given, values).items()}
    settings |= {f"goals.{name}": value for name, value in given_fields(GoalBounds, values).items()}
    settings |= {f"teacher.{name}": value for name, value in given_fields(NetworkChoice, values).items()}
    if accept_radio_mismatch:
        settings["accept_radio_mismatch"] = True
    if targets:
        settings["targets"] = tuple(dict.fromkeys(name for t in targets for name in t.split(",")))
    recipe, changed = make_recipe(profile, config, settings, seed)
    if not recipe.targets:
        raise click.UsageError("name at least one --target, as listed by `edgecsi targets`")
    if dry_run:
        rows = [
            {"stage": row.stage.name, "key": row.stage.key, "cached": row.cached}
            for row in plan_rows(recipe, output, changed)
        ]
        emit(rows, json_path, lambda console: print_plan(rows, console))
        return
    report = run_recipe(recipe, output, changed)
    found = report.model_dump(mode="json")
    emit(found, json_path, lambda console: print_compress(found, console))
    report.raise_for_status()


def _pair(change: str) -> tuple[str, str]:
    name, equals, value = change.partition("=")
    if not equals:
        raise click.BadParameter(f"{change!r} is not KEY=VALUE", param_hint="--set")
    return name, value
