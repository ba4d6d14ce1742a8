"""What the user gives instead of a stage: judged before anything runs, and keyed by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edgecsi.errors import EdgeCsiError, ModelError
from edgecsi.export.targets import get_target
from edgecsi.files import sha256_file
from edgecsi.radio import RadioSetting, require_same_radio
from edgecsi.stages.recipe import Given, Recipe
from edgecsi.tasks import TASKS, Task
from edgecsi.training.options import NetworkChoice

WEIGHTS = "model.safetensors"


class Wanted(NamedTuple):
    """What is to be predicted. source: where the channels are from, in words."""

    source: str
    task: Task
    radio: RadioSetting


def wanted(recipe: Recipe) -> Wanted:
    """The task and radio setting of a run: its dataset's. DataError for one that can't be used."""
    if recipe.given.data is None:
        return Wanted("the generated data", TASKS.get("csi"), recipe.data.radio)
    from edgecsi.channel import Dataset, split

    with Dataset.open(recipe.given.data) as dataset:
        split(dataset)  # too few drops are told now
        return Wanted(f"the data {recipe.given.data}", dataset.task, dataset.radio)


def resolve(recipe: Recipe) -> Recipe:
    """The recipe with the folders of shipped networks in place of their names."""
    given = recipe.given
    if not (given.teacher or given.student):
        return recipe
    from edgecsi.models.shipped import find

    duplex, rounds = wanted(recipe).radio.duplex, _rounds(recipe)
    folders = {}
    if given.teacher:
        folders["teacher"] = str(find("teacher", Path(given.teacher), duplex))
    if given.student:
        folders["student"] = str(find("student", Path(given.student), duplex, rounds))
    return recipe.model_copy(update={"given": given.model_copy(update=folders)})


def _rounds(recipe: Recipe) -> bool:
    """Whether an engine of the run rounds the equations that a network solves."""
    return not all(get_target(name).solves_fp32 for name in recipe.targets)


def check(recipe: Recipe, changed: Iterable[str]) -> list[str]:
    """Refuse given files that can't be used or don't fit each other; return what was accepted, in words.

    Raises DataError, ModelError, RadioMismatch; EdgeCsiError for a setting of what this run does not make.
    """
    _check_changes(recipe.given, changed)
    found = wanted(recipe)
    warnings = []
    if recipe.given.calibration:
        from edgecsi.calib.calibration_set import CalibrationSet

        with CalibrationSet.open(recipe.given.calibration) as calibration:
            warnings += calibration.check_radio(
                found.radio, found.source, accept=recipe.accept_radio_mismatch
            )
    for role, folder in (("teacher", recipe.given.teacher), ("student", recipe.given.student)):
        if folder:
            warnings += _check_model(role, Path(folder), found, recipe.accept_radio_mismatch)
    return warnings


def _check_model(role: str, folder: Path, found: Wanted, accept: bool) -> list[str]:
    from edgecsi.models import load_config

    config = load_config(folder)
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{folder} is no model folder: it has no {WEIGHTS}")
    if config.task != found.task:
        raise ModelError(
            f"the {role} {folder} predicts {config.task.name}, but {found.source} is for {found.task.name}"
        )
    ways = "take data of its setting, or train one on these: --profile quick or full"
    return require_same_radio(
        config.radio, f"the {role} {folder.name}", found.radio, found.source, ways, accept
    )


def check_network(options: NetworkChoice, found: Wanted) -> None:
    """Refuse a network that can't do the task or setting, or whose backbone can't be had."""
    from edgecsi.models.network import NETWORKS
    from edgecsi.training.train import new_config

    row = NETWORKS.get(options.network)
    if row.task != found.task.name:
        raise ModelError(f"{row.name} is for task {row.task}, but {found.source} is for {found.task.name}")
    new_config(options, found.radio)


def _check_changes(given: Given, changed: Iterable[str]) -> None:
    """Raises EdgeCsiError for a setting of something that this run does not make."""
    instead = {
        "data": given.data,
        "teacher": given.teacher or given.student,
        "student": given.student,
        "calibration": given.calibration,
    }
    for name in changed:
        if taken := instead.get(name.partition(".")[0]):
            raise EdgeCsiError(
                f"{name} has no effect: {taken} is taken instead; to train networks, "
                "choose --profile quick or full"
            )


def data_key(path: Path) -> str:
    """Content id of a dataset."""
    from edgecsi.channel import Dataset

    with Dataset.open(path) as dataset:
        return dataset.digest


def calibration_key(path: Path) -> str:
    """Id of a calibration set."""
    from edgecsi.calib.calibration_set import CalibrationSet

    with CalibrationSet.open(path) as calibration:
        return calibration.id


def model_key(folder: Path) -> str:
    """Content id of a model folder."""
    return _digest(folder / name for name in ("config.json", WEIGHTS))


def backbone_key(folder: Path) -> str:
    """Content id of a local backbone."""
    return _digest(sorted(folder.glob("*.json")) + sorted(folder.glob("*.safetensors")))


def _digest(files: Iterable[Path]) -> str:
    return hashlib.sha256("".join(map(sha256_file, files)).encode()).hexdigest()
