"""A recipe: every choice of a `compress` run in one object, as YAML, profile or command line.

Its sections are the options of the stages, so whatever a stage can be asked for, a recipe can ask for. A run
saves the recipe that it followed as `recipe.yaml` beside its results; `--config recipe.yaml` repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from edgecsi.calib.options import QuantizationOptions
from edgecsi.errors import EdgeCsiError
from edgecsi.files import atomic_file
from edgecsi.metrics import GoalBounds
from edgecsi.option_values import parse
from edgecsi.registry import nearest
from edgecsi.stages.calibration import Options as CalibrationStage
from edgecsi.stages.data import Options as DataStage
from edgecsi.stages.network import Options as NetworkStage
from edgecsi.stages.stage import StageOptions
from edgecsi.stages.student import Options as StudentStage
from edgecsi.yaml_files import read_yaml

SEEDED = ("data", "teacher", "student", "calibration")
RECIPE_FILE = "recipe.yaml"


class Given(StageOptions):
    """What the user has already: taken instead of running the stage that would make it."""

    data: Path | None = Field(None, description="Dataset to use instead of generating one.")
    teacher: str | None = Field(
        None, description="Model folder to use instead of training a teacher, or reference: the shipped one."
    )
    student: str | None = Field(
        None, description="Model folder to use, the name of a shipped student, or reference."
    )
    calibration: Path | None = Field(None, description="Calibration set to use instead of sampling one.")


class Recipe(StageOptions):
    """One run. seed: of every section that doesn't name its own."""

    targets: tuple[str, ...] = ()
    given: Given = Given()
    data: DataStage
    teacher: NetworkStage
    student: StudentStage
    calibration: CalibrationStage = CalibrationStage()
    quantization: QuantizationOptions = QuantizationOptions()
    goals: GoalBounds = GoalBounds()
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of everything that chance plays in.")
    accept_radio_mismatch: bool = Field(
        False, description="Take what was made for another radio setting, if every shape is the same."
    )

    def changed(self, changes: Mapping[str, Any]) -> Recipe:
        """This recipe with `section.field` (or `field`) -> value changes; text is read as options are.

        EdgeCsiError for a setting that there is not, or a value that it refuses.
        """
        values = self.model_dump()
        for name, value in changes.items():
            section, _, field = name.rpartition(".")
            place = values.get(section) if section else values
            if not isinstance(place, dict) or field not in place:
                raise EdgeCsiError(f"there is no setting {name!r}{nearest(name, settings(self))}")
            place[field] = _value(self, section, field, value)
        return _validated(Recipe, values, "--set ")

    def seeded(self, seed: int) -> Recipe:
        """The same with one seed everywhere."""
        return self.changed({"seed": seed, **{f"{section}.seed": seed for section in SEEDED}})


def settings(recipe: Recipe) -> tuple[str, ...]:
    """Every `section.field` of a recipe, and its own fields."""
    names = []
    for name in type(recipe).model_fields:
        value = getattr(recipe, name)
        names += [f"{name}.{f}" for f in type(value).model_fields] if isinstance(value, BaseModel) else [name]
    return tuple(names)


def read_recipe(path: Path, base: Recipe) -> Recipe:
    """A recipe file over a base: what it doesn't say stays. EdgeCsiError with the file and the place.

    A file may hold several recipes, one YAML document each, for trainings that follow one another;
    `FILE#2` is the second.
    """
    name, _, number = str(path).partition("#")
    documents = read_yaml(Path(name))
    known = [str(place + 1) for place in range(len(documents))]
    if len(documents) != 1 and number not in known:
        raise EdgeCsiError(
            f"{path}: {len(documents)} recipes, one after the other; "
            f"name one as {name}#1 to #{len(documents)}"
        )
    found = documents[int(number or 1) - 1]
    if not isinstance(found, dict):
        raise EdgeCsiError(f"{path}: a recipe is a map of sections, as data, student, goals")
    values = base.model_dump()
    for section, part in found.items():
        old = values.get(section)
        values[section] = {**old, **part} if isinstance(old, dict) and isinstance(part, dict) else part
    return _validated(Recipe, values, f"{path}: ")


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Save a recipe as YAML, whole or not at all."""
    text = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _value(recipe: Recipe, section: str, field: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    holder = type(getattr(recipe, section)) if section else type(recipe)
    try:
        return parse(value, holder.model_fields[field].annotation)
    except ValueError as error:
        raise EdgeCsiError(f"--set {section}.{field}: {error}") from error


def _validated(model: type[Recipe], values: Mapping[str, Any], where: str) -> Recipe:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        raise EdgeCsiError(f"{where}{'.'.join(map(str, first['loc']))}: {said}") from None


# Two cores without a GPU, about ten minutes: only users and epochs shrink. Such a student is not expected to
# beat the classical predictors, so it is not held to that.
_QUICK = Recipe(
    data=DataStage(users=500),
    teacher=NetworkStage(
        network="csi-alm", backbone="smollm2", max_users=120, epochs=3, batch_users=8, learning_rate=1e-3
    ),
    student=StudentStage(epochs=12, batch_users=8, learning_rate=3e-3),
    goals=GoalBounds(max_teacher_loss_db=None, max_baseline_loss_db=None),
)
PROFILES = {
    # Nothing is trained, so most users test: a few that predict badly make half of the mean, which 50 users
    # know to a decibel only.
    "reference": _QUICK.model_copy(
        update={
            "given": Given(student="reference"),
            "data": DataStage(users=3000, test_share=0.8),
            "student": StudentStage(max_users=400, epochs=12, batch_users=8, learning_rate=3e-3),
            "goals": GoalBounds(),
        }
    ),
    "quick": _QUICK,
    # The papers' size; for a CUDA device.
    "full": Recipe(
        data=DataStage(users=9000),
        teacher=NetworkStage(
            network="csi-alm", backbone="smollm2", epochs=100, batch_users=128, learning_rate=3e-4
        ),
        student=StudentStage(epochs=200, batch_users=128, learning_rate=1e-3, patience=40),
    ),
}
