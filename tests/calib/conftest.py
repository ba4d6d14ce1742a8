from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.sampling import Recipe, sample
from edgecsi.channel import Dataset, write_dataset
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.models.csi_alm_light import CsiAlmLight

RECIPE = Recipe(users=8, held_out=3, snr_db=(20.0,), seed=0)


@pytest.fixture(scope="session")
def calibration_file(tiny_dataset, tmp_path_factory) -> Path:
    """8 calibrating and 3 held-out users of the tiny dataset."""
    path = tmp_path_factory.mktemp("calibration") / "cal.h5"
    sample(tiny_dataset, path, RECIPE)
    return path


@pytest.fixture
def calibration(calibration_file) -> CalibrationSet:
    with CalibrationSet.open(calibration_file) as opened:
        yield opened


@pytest.fixture(scope="session")
def graph(tiny_dataset) -> bytes:
    """The papers' student, untrained, as ONNX."""
    torch.manual_seed(0)
    with Dataset.open(tiny_dataset) as dataset:
        return export_onnx(CsiAlmLight(dataset.shape).eval(), dataset.shape)


@pytest.fixture
def changed_dataset(tiny_dataset, tmp_path) -> Callable[..., Path]:
    """A copy of the tiny dataset whose histories, speeds or power a function has changed."""

    def write(change=lambda history: history, speed_kmh=None) -> Path:
        path = tmp_path / "changed.h5"
        with Dataset.open(tiny_dataset) as source:
            everyone = slice(None)
            speeds = source.speed_kmh if speed_kmh is None else np.full(len(source), speed_kmh, np.float32)
            with write_dataset(path, source.info, source.shape, len(source)) as writer:
                history = change(source.history(everyone).copy())
                writer.write(0, history, source.future(everyone), speeds, source.drop)
        return path

    return write
