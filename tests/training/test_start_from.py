"""Training that starts with the weights of a model folder."""

import pytest
import torch

from edgecsi.channel import Dataset, write_dataset
from edgecsi.errors import ModelError, RadioMismatch
from edgecsi.models import load, load_config
from edgecsi.models.folder import trained_state
from edgecsi.training import NetworkChoice
from edgecsi.training.train import train_network

STUDENT = NetworkChoice(network="csi-alm-light")
TEACHER = NetworkChoice(network="csi-alm", backbone="random")


@pytest.fixture(scope="module")
def first(tiny_dataset, clean, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first") / "student"
    train_network(STUDENT, tiny_dataset, clean, folder)
    return folder


@pytest.fixture(scope="module")
def barely(first, clean):
    """Options that change next to nothing of `first`."""
    return clean.model_copy(update={"epochs": 1, "learning_rate": 1e-12, "start_from": first})


def same_weights(one, other):
    found, wanted = trained_state(load(one)), trained_state(load(other))
    for name, weight in wanted.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-9)


def test_a_network_starts_with_the_weights_of_the_folder(first, tiny_dataset, barely, tmp_path):
    train_network(STUDENT, tiny_dataset, barely, tmp_path / "second")
    same_weights(tmp_path / "second", first)


def test_a_folder_of_another_network_is_refused_before_anything_is_written(tiny_dataset, barely, tmp_path):
    with pytest.raises(ModelError, match=r"student is csi-alm-light .*, not csi-alm "):
        train_network(TEACHER, tiny_dataset, barely, tmp_path / "teacher")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_another_size_is_refused(tiny_dataset, barely, tmp_path):
    wide = NetworkChoice(network="csi-alm-light", network_options={"width": 64})
    with pytest.raises(ModelError, match=r"student is csi-alm-light .*width 128.*, not .*width 64"):
        train_network(wide, tiny_dataset, barely, tmp_path / "new")


def test_a_folder_without_a_model_is_refused(tiny_dataset, clean, tmp_path):
    options = clean.model_copy(update={"start_from": tmp_path})
    with pytest.raises(ModelError, match=r"is no model folder"):
        train_network(STUDENT, tiny_dataset, options, tmp_path / "new")


@pytest.fixture(scope="module")
def slower(tiny_dataset, tmp_path_factory):
    """The same channels, said to be sampled every millisecond."""
    path = tmp_path_factory.mktemp("slower") / "slower.h5"
    with Dataset.open(tiny_dataset) as ds:
        radio = ds.radio.model_copy(update={"step_s": 1e-3})
        with write_dataset(path, radio, ds.origin, len(ds)) as writer:
            writer.write(0, ds.history(slice(None)), ds.future(slice(None)), ds.speed_kmh, ds.drop)
    return path


def test_another_radio_setting_is_refused_with_the_field_and_both_values(slower, barely, tmp_path):
    said = r"step_s is 0.0005 for the network .*student, 0.001 for .*slower.h5: .*--accept-radio-mismatch"
    with pytest.raises(RadioMismatch, match=said):
        train_network(STUDENT, slower, barely, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_another_radio_setting_may_be_accepted(first, slower, barely, tmp_path, caplog):
    options = barely.model_copy(update={"accept_radio_mismatch": True})
    train_network(STUDENT, slower, options, tmp_path / "new")
    same_weights(tmp_path / "new", first)
    assert load_config(tmp_path / "new").radio.step_s == 1e-3
    assert "accepted: step_s is 0.0005 for the network" in caplog.text
