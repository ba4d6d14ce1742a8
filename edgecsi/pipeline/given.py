"""What the user gives instead of a stage: judged before anything runs, and keyed by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from edgecsi.csi import CsiShape
from edgecsi.errors import EdgeCsiError, ModelError
from edgecsi.export.targets import get_target
from edgecsi.files import sha256_file
from edgecsi.pipeline.request import CompressRequest


def resolve(request: CompressRequest) -> CompressRequest:
    """The request with the folders of shipped networks in place of their names or of the profile's choice."""
    own = None if request.teacher else request.profile.student.shipped
    student = request.student or (Path(own) if own else None)
    if student is None and request.teacher is None:
        return request
    from edgecsi.models.shipped import find

    duplex = _task(request).duplex
    if request.teacher:
        request = replace(request, teacher=find("teacher", request.teacher, duplex))
    if student:
        return replace(request, student=find(_student_role(request.targets), student, duplex))
    if "data.test_share" in request.changed:
        return request
    # A student that is distilled after all needs the users that a shipped one leaves to the tests.
    return replace(request, profile=request.profile.changed({"data.test_share": "null"}))


def usual_student(request: CompressRequest) -> str:
    """The network that this run takes unless its user names a student."""
    recipe = request.profile.student
    if request.teacher or not recipe.shipped:
        return recipe.network
    from edgecsi.models.shipped import REFERENCES

    role = _student_role(request.targets)
    return REFERENCES[role][_task(request).duplex] if recipe.shipped == "reference" else recipe.shipped


def _student_role(targets: Iterable[str]) -> Literal["student", "rounded student"]:
    return "student" if all(get_target(name).solves for name in targets) else "rounded student"


def check(request: CompressRequest) -> None:
    """Raises DataError or ModelError for given files that can't be used or don't fit each other."""
    _check_changes(request)
    if not (request.data or request.teacher or request.student or request.calibration):
        return
    task = _task(request)
    if request.calibration:
        _check_calibration(request.calibration, task.shape)
    for role, folder in (("teacher", request.teacher), ("student", request.student)):
        if folder:
            _check_model(role, folder, task)


def check_backbone(name: str, folder: Path | None) -> None:
    """Raises ModelError for a backbone that is unknown or can't be had; reads none of its weights."""
    from edgecsi.models.backbones import find_backbone

    find_backbone(name, folder)


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
    return _digest(folder / name for name in ("config.json", "model.safetensors"))


def backbone_key(folder: Path) -> str:
    """Content id of a local backbone."""
    return _digest(sorted(folder.glob("*.json")) + sorted(folder.glob("*.safetensors")))


def _check_changes(request: CompressRequest) -> None:
    """Raises EdgeCsiError for a setting of something that this run does not make."""
    given = {"data": request.data, "teacher": request.teacher or request.student, "student": request.student}
    for name in request.changed:
        section = name.partition(".")[0]
        if given.get(section) and name != "student.shipped":
            raise EdgeCsiError(
                f"{name} has no effect: {given[section]} is taken instead; to train networks, "
                "choose --profile quick or full"
            )


class _Task(NamedTuple):
    """What is to be predicted. source: where the channels are from, in words."""

    source: str
    shape: CsiShape
    duplex: str


def _task(request: CompressRequest) -> _Task:
    if not request.data:
        return _Task("the profile generates", CsiShape(), request.profile.data.duplex)
    from edgecsi.channel import Dataset, split

    with Dataset.open(request.data) as dataset:
        split(dataset)  # too few drops are told now
        return _Task(f"{request.data} holds", dataset.shape, dataset.info.duplex)


def _check_model(role: str, folder: Path, task: _Task) -> None:
    from edgecsi.models import load_config

    config = load_config(folder)
    if not (folder / "model.safetensors").is_file():
        raise ModelError(f"{folder} is no model folder: it has no model.safetensors")
    if (config.shape, config.duplex) != (task.shape, task.duplex):
        raise ModelError(
            f"the {role} {folder} predicts {config.duplex} {config.shape}, "
            f"but {task.source} {task.duplex} {task.shape}"
        )


def _check_calibration(path: Path, shape: CsiShape) -> None:
    from edgecsi.calib.calibration_set import CalibrationSet

    with CalibrationSet.open(path) as calibration:
        calibration.check_shape(shape)


def _digest(files: Iterable[Path]) -> str:
    return hashlib.sha256("".join(map(sha256_file, files)).encode()).hexdigest()
