from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.sampling import sample
from edgecsi.channel import Dataset, write_dataset
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS

OPTIONS = CalibrationOptions(users=8, held_out=3)


@pytest.fixture(scope="session")
def calibration_file(tiny_dataset, tmp_path_factory) -> Path:
    """8 calibrating and 3 held-out users of the tiny dataset."""
    path = tmp_path_factory.mktemp("calibration") / "cal.h5"
    sample(tiny_dataset, path, OPTIONS)
    return path


@pytest.fixture
def calibration(calibration_file) -> CalibrationSet:
    with CalibrationSet.open(calibration_file) as opened:
        yield opened


@pytest.fixture(scope="session")
def graph() -> bytes:
    """The papers' student, untrained, as ONNX."""
    torch.manual_seed(0)
    return export_onnx(CsiAlmLight(RadioSetting()).eval(), TASKS.get("csi"), RadioSetting())


@pytest.fixture
def changed_dataset(tiny_dataset, tmp_path) -> Callable[..., Path]:
    """A copy of the tiny dataset whose histories, speeds or power a function has changed."""

    def write(change=lambda history: history, speed_kmh=None) -> Path:
        path = tmp_path / "changed.h5"
        with Dataset.open(tiny_dataset) as source:
            everyone = slice(None)
            speeds = source.speed_kmh if speed_kmh is None else np.full(len(source), speed_kmh, np.float32)
            with write_dataset(path, source.radio, source.origin, len(source)) as writer:
                history = change(source.history(everyone).copy())
                writer.write(0, history, source.future(everyone), speeds, source.drop)
        return path

    return write
