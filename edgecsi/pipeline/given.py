"""What the user gives instead of a stage: judged before anything runs, and keyed by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from edgecsi.csi import CsiShape
from edgecsi.errors import ModelError
from edgecsi.files import sha256_file
from edgecsi.pipeline.request import CompressRequest


def check(request: CompressRequest) -> None:
    """Raises DataError or ModelError for given files that can't be used or don't fit each other."""
    if not (request.data or request.teacher or request.student or request.calibration):
        return
    source, shape, duplex = _task(request)
    if request.calibration:
        _check_calibration(request.calibration, shape)
    for role, folder in (("teacher", request.teacher), ("student", request.student)):
        if folder:
            _check_model(role, folder, source, shape, duplex)


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


def _task(request: CompressRequest) -> tuple[str, CsiShape, str]:
    """Where the channels are from, their shape and duplex mode."""
    if not request.data:
        return "the profile generates", CsiShape(), request.profile.data.duplex
    from edgecsi.channel import Dataset, split

    with Dataset.open(request.data) as dataset:
        split(dataset)  # too few drops are told now
        return f"{request.data} holds", dataset.shape, dataset.info.duplex


def _check_model(role: str, folder: Path, source: str, shape: CsiShape, duplex: str) -> None:
    from edgecsi.models import load_config

    config = load_config(folder)
    if not (folder / "model.safetensors").is_file():
        raise ModelError(f"{folder} is no model folder: it has no model.safetensors")
    if (config.shape, config.duplex) != (shape, duplex):
        raise ModelError(
            f"the {role} {folder} predicts {config.duplex} {config.shape}, but {source} {duplex} {shape}"
        )


def _check_calibration(path: Path, shape: CsiShape) -> None:
    from edgecsi.calib.calibration_set import CalibrationSet

    with CalibrationSet.open(path) as calibration:
        calibration.check_shape(shape)


def _digest(files: Iterable[Path]) -> str:
    return hashlib.sha256("".join(map(sha256_file, files)).encode()).hexdigest()
