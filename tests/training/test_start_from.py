"""Training that starts with the weights of a model folder, and training without a teacher."""

from dataclasses import replace

import pytest
import torch

from edgecsi.errors import ModelError
from edgecsi.models import load
from edgecsi.models.folder import trained_state
from edgecsi.training.csi_alm import train_teacher
from edgecsi.training.direct import train_direct


@pytest.fixture(scope="module")
def first(clean, options, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first") / "student"
    train_direct("csi-alm-light", clean, options, folder)
    return folder


def test_a_network_starts_with_the_weights_of_the_folder(first, clean, options, tmp_path):
    barely = replace(options, epochs=1, learning_rate=1e-12, start_from=first)
    train_direct("csi-alm-light", clean, barely, tmp_path / "second")
    second = trained_state(load(tmp_path / "second"))
    for name, weight in trained_state(load(first)).items():
        torch.testing.assert_close(second[name], weight, rtol=0, atol=1e-9)


def test_a_folder_of_another_network_is_refused_before_anything_is_written(first, clean, options, tmp_path):
    with pytest.raises(ModelError, match=r"student is csi-alm-light for .*, not csi-alm for"):
        train_teacher(clean, "random", None, replace(options, start_from=first), tmp_path / "teacher")
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_model_is_refused(clean, options, tmp_path):
    with pytest.raises(ModelError, match=r"is no model folder"):
        train_direct("csi-alm-light", clean, replace(options, start_from=tmp_path), tmp_path / "new")
