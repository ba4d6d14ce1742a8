"""The models that come with the package, and how a user names them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from edgecsi.channel import Dataset
from edgecsi.channel.tr38901 import generate
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.errors import ModelError
from edgecsi.metrics import Energies, relative_error_db
from edgecsi.models import load, load_config
from edgecsi.models.baselines.hold_last import hold_last
from edgecsi.models.shipped import FOLDER, find, reference, shipped

SHIPPED = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
# What the models predicted when they were shipped, for one user each of TDD and FDD (Sionna channels at 20 dB
# SNR): every fourth antenna and subcarrier.
PREDICTIONS = Path(__file__).with_name("shipped_predictions.npz")
JOINT = -65  # dB; its equations are worse conditioned, FP32 is at -75 dB from FP64 there


@pytest.mark.parametrize("folder", SHIPPED)
def test_a_folder_holds_what_its_name_says_and_a_model_card(folder):
    config = load_config(FOLDER / folder)
    assert f"{config.name}-{config.radio.duplex}" == folder
    card = (FOLDER / folder / "README.md").read_text()
    assert card.startswith(f"# {config.name}, {config.radio.duplex.upper()}")
    assert json.loads((FOLDER / folder / "card.json").read_text())["config"] == config.model_dump(mode="json")
    assert config.trained.speed_kmh == (10, 100)


@pytest.mark.parametrize("folder", SHIPPED)
def test_it_predicts_what_it_predicted_when_it_was_shipped(folder):
    """To rounding, which is another on every kind of CPU: least of all for equations that are solved."""
    network, row = load(FOLDER / folder), load_config(FOLDER / folder).row
    with np.load(PREDICTIONS) as file:
        history, wanted = file[f"{folder[-3:]}.history"].astype(np.float32), file[folder]
    with torch.inference_mode():
        found = network(torch.from_numpy(history)).numpy()
    limit = JOINT if row.name == "csi-joint" else -80 if row.requires_fp32_solver else -100
    assert relative_error_db(found[0, ::4, :, ::4], wanted) < limit


@pytest.mark.parametrize("folder", SHIPPED)
def test_a_shipped_network_predicts_new_channels_better_than_no_prediction(folder, tmp_path):
    config, indices = load_config(FOLDER / folder), np.arange(20)
    generate(tmp_path / "new.h5", DataOptions(duplex=config.radio.duplex, seed=987, users=len(indices)))
    with Dataset.open(tmp_path / "new.h5") as dataset:
        users, task = dataset.users(indices), dataset.task
    inputs = task.add_noise(users.inputs, indices, 20.0, 1, 0)
    with torch.inference_mode():
        targets = load(FOLDER / folder)(torch.from_numpy(task.input.to_engine(inputs))).numpy()
    found, held = (
        Energies.of(one, users.targets).mean_db()
        for one in (task.target.from_engine(targets), hold_last(inputs, config.radio.future))
    )
    assert found < held - 3


@pytest.mark.parametrize(
    ("role", "duplex", "rounds", "name"),
    [
        ("student", "tdd", False, "csi-alm-light-ad"),
        ("student", "fdd", False, "csi-alm-light-ad"),
        ("student", "tdd", True, "csi-alm-light-delta"),
        ("student", "fdd", True, "csi-alm-light"),
        ("teacher", "tdd", False, "csi-alm"),
        ("teacher", "tdd", True, "csi-alm"),
    ],
)
def test_reference_names_a_shipped_network_of_the_duplex_mode(role, duplex, rounds, name):
    assert find(role, Path("reference"), duplex, rounds) == FOLDER / f"{name}-{duplex}"


def test_a_role_that_nothing_stands_for_is_told():
    with pytest.raises(
        ModelError, match=r"no reference teacher for fdd comes with edgecsi \(shipped: csi-alm"
    ):
        reference("teacher", "fdd")


def test_a_shipped_network_goes_by_its_name():
    assert find("student", Path("csi-alm-light"), "tdd") == shipped("csi-alm-light", "tdd")


def test_a_folder_of_the_user_goes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reference").mkdir()
    assert find("student", Path("reference"), "tdd") == Path("reference")


def test_what_is_not_shipped_is_told_with_what_is():
    with pytest.raises(ModelError, match=r"no lstm for tdd comes with edgecsi \(shipped: csi-alm"):
        shipped("lstm", "tdd")
