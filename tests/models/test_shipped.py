"""The models that come with the package, and how a user names them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from edgecsi.channel import Dataset, add_noise
from edgecsi.channel.tr38901 import Recipe, generate
from edgecsi.csi import to_complex, to_interleaved
from edgecsi.errors import ModelError
from edgecsi.metrics import nmse_mean_db, user_energies
from edgecsi.models import load, load_config
from edgecsi.models.baselines import hold_last
from edgecsi.models.shipped import FOLDER, REFERENCES, find, shipped

SHIPPED = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", SHIPPED)
def test_a_folder_holds_what_its_name_says_and_a_model_card(folder):
    config = load_config(FOLDER / folder)
    assert f"{config.name}-{config.duplex}" == folder
    assert (FOLDER / folder / "README.md").read_text().startswith(f"# {config.name}, {config.duplex.upper()}")


@pytest.mark.parametrize("folder", SHIPPED)
def test_a_shipped_network_predicts_new_channels_better_than_no_prediction(folder, tmp_path):
    users = np.arange(20)
    generate(tmp_path / "new.h5", Recipe(duplex=load_config(FOLDER / folder).duplex, seed=987), len(users))
    with Dataset.open(tmp_path / "new.h5") as dataset:
        history, future = add_noise(dataset.history(users), users, 20.0, seed=1), dataset.future(users)
    with torch.inference_mode():
        predicted = to_complex(load(FOLDER / folder)(torch.from_numpy(to_interleaved(history))).numpy())
    found, held = (
        nmse_mean_db(*user_energies(one, future)) for one in (predicted, hold_last(history, future.shape[2]))
    )
    assert found < held - 3


@pytest.mark.parametrize("duplex", ["tdd", "fdd"])
def test_reference_names_a_shipped_network_of_the_duplex_mode(duplex):
    for role, names in REFERENCES.items():
        if (FOLDER / f"{names[duplex]}-{duplex}").is_dir():
            assert find(role, Path("reference"), duplex) == FOLDER / f"{names[duplex]}-{duplex}"
    assert find("student", Path("reference"), duplex).name == f"csi-alm-light-ad-{duplex}"


def test_a_shipped_network_goes_by_its_name():
    assert find("student", Path("csi-alm-light"), "tdd") == shipped("csi-alm-light", "tdd")


def test_a_folder_of_the_user_goes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reference").mkdir()
    assert find("student", Path("reference"), "tdd") == Path("reference")


def test_what_is_not_shipped_is_told_with_what_is():
    with pytest.raises(ModelError, match=r"no lstm for tdd comes with edgecsi \(shipped: csi-alm"):
        shipped("lstm", "tdd")
