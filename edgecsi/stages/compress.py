"""The main job: run the stages that are missing, write a bundle per target, and say how they did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecsi.errors import EdgeCsiError, UnavailableError
from edgecsi.export.targets import get_target
from edgecsi.files import atomic_folder, copy_folder, sweep, write_json
from edgecsi.progress import say
from edgecsi.registry import nearest
from edgecsi.stages.bundles import (
    locked,
)
from edgecsi.stages.cache import digests
from edgecsi.stages.compress_report import CompressReport
from edgecsi.stages.outcome import Outcome
from edgecsi.stages.plan import Plan, make_plan
from edgecsi.stages.recipe import PROFILES, RECIPE_FILE, Recipe, read_recipe, write_recipe
from edgecsi.stages.stage import Stage

REPORT = "compress.json"


def compress(
    targets: Sequence[str],
    output: str | Path = "build",
    *,
    profile: str = "reference",
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    teacher: str | Path | None = None,
    student: str | Path | None = None,
    calibration: str | Path | None = None,
    seed: int | None = None,
) -> CompressReport:
    """Train, distil, export, build and prove: one verified bundle per target in `output`.

    Args:
        targets: as listed by `edgecsi targets`.
        output: folder; `<target>-<network>.edgecsi`, `teacher`, `student`, compress.json and recipe.yaml.
        profile: where the recipe starts: reference, quick or full.
        config: a recipe file (YAML) over the profile.
        settings: changes by name, as {"student.epochs": 50, "goals.max_nmse_loss_db": 0.05}.
        data: dataset to use instead of generating one.
        teacher: model folder to use, or "reference".
        student: model folder to use, a shipped student's name, or "reference".
        calibration: calibration set for INT8 targets.
        seed: of everything that chance plays in.

    Returns:
        What was found; `missed` and `failed` say which targets miss a goal or have no bundle.

    Raises:
        EdgeCsiError: with what is wrong and what to do; nothing half-written stays behind.

    Example:
        >>> report = edgecsi.compress(["ort-fp32"], "build")  # doctest: +SKIP
        >>> report.metrics["20 dB SNR"]["student"].steps_db  # doctest: +SKIP
    """
    changes: dict[str, Any] = dict(settings or {})
    given = {"data": data, "teacher": teacher, "student": student, "calibration": calibration}
    changes |= {f"given.{name}": str(value) for name, value in given.items() if value is not None}
    recipe, changed = make_recipe(profile, None if config is None else Path(config), changes, seed)
    return run_recipe(recipe.changed({"targets": tuple(dict.fromkeys(targets))}), Path(output), changed)


def make_recipe(
    profile: str, config: Path | None, changes: Mapping[str, Any], seed: int | None = None
) -> tuple[Recipe, tuple[str, ...]]:
    """A profile, a recipe file over it, and changes over that; also the names of what was changed."""
    if profile not in PROFILES:
        raise EdgeCsiError(f"unknown profile {profile!r}{nearest(profile, tuple(PROFILES))}")
    recipe = PROFILES[profile]
    if config is not None:
        recipe = read_recipe(config, recipe)
    if seed is not None:
        recipe = recipe.seeded(seed)
    if "given.teacher" in changes and recipe.given.student == PROFILES[profile].given.student:
        # From a teacher of the user's own a student is distilled, instead of taking the profile's; it needs
        # the users that a shipped one leaves to the tests.
        recipe = recipe.changed({"given.student": None, "data.test_share": None})
    return recipe.changed(changes), tuple(changes)


@dataclass(frozen=True)
class PlannedStage:
    """A row of the plan. cached: its results are there already."""

    stage: Stage
    cached: bool


def plan_rows(recipe: Recipe, out: Path, changed: Iterable[str] = ()) -> list[PlannedStage]:
    """What a run would do, without doing it."""
    plan = make_plan(recipe, out, changed)
    return [PlannedStage(stage, plan.cache.holds(stage)) for stage in plan.stages]


def run_recipe(recipe: Recipe, out: Path, changed: Iterable[str] = ()) -> CompressReport:
    """Run a recipe and write its bundles, teacher, student, compress.json and recipe.yaml into `out`.

    A target that fails does not stop the others; its reason is in the report.
    """
    plan = make_plan(recipe, out, changed)
    _judge_targets(recipe.targets)
    for line in plan.warnings:
        say(f"accepted: {line}")
    for stage in plan.shared:
        plan.cache.get(stage)
    no_int8 = _why_no_int8(plan)
    with locked(out):
        _publish(plan, out)
        write_recipe(out / RECIPE_FILE, recipe)
        report = Outcome(plan, out, no_int8).report()
        sweep(out / REPORT)
        write_json(out / REPORT, report.model_dump(mode="json"))
    return report


def _judge_targets(names: Sequence[str]) -> None:
    """Say at once which targets this machine can't build. UnavailableError where it can build none."""
    reasons = {name: reason for name in names if (reason := get_target(name).why_not_build())}
    lines = [f"{name} can't be built here: {reason}" for name, reason in reasons.items()]
    if len(reasons) == len(names):
        raise UnavailableError("; ".join(lines) or "name at least one target")
    for line in lines:
        say(line)


def _why_no_int8(plan: Plan) -> str | None:
    """Calibrate and quantize; the reason where that can't be done, which fails the INT8 targets only."""
    try:
        for stage in plan.int8:
            plan.cache.get(stage)
    except EdgeCsiError as error:
        return str(error)
    return None


def _publish(plan: Plan, out: Path) -> None:
    """Copy a teacher and a student that the user did not give to where a user finds them."""
    own = plan.recipe.given
    networks = (("teacher", plan.teacher, own.teacher), ("student", plan.student, own.student))
    for name, source, given in networks:
        sweep(out / name)
        if source is None or _is_users_own(given) or digests(out / name) == digests(source.path):
            continue
        with atomic_folder(out / name) as temporary:
            copy_folder(source.path, temporary)


def _is_users_own(folder: str | None) -> bool:
    """Whether a given model is the user's own folder, not one that comes with edgecsi."""
    if folder is None:
        return False
    from edgecsi.models.shipped import FOLDER

    return not Path(folder).is_relative_to(FOLDER)
