"""Training without a teacher, from the command line."""

import json

import pytest
import torch
from command_line import edgecsi, refuse

from edgecsi.errors import ModelError
from edgecsi.models import load, load_config
from edgecsi.models.network import NETWORKS
from edgecsi.radio import RadioSetting, TrainedRange
from edgecsi.training import NetworkChoice
from edgecsi.training.batches import open_source
from edgecsi.training.options import ExampleOptions
from edgecsi.training.train import new_config

TINY = ("--epochs", "2", "--max-users", "4", "--batch-users", "8", "--learning-rate", "1e-3")


@pytest.mark.parametrize("network", NETWORKS.names)
def test_any_network_is_trained_and_kept(tiny_dataset, tmp_path, network):
    backbone = ("--backbone", "random") if NETWORKS.get(network).backbone else ()
    folder = tmp_path / network
    done = edgecsi("train", network, "--data", tiny_dataset, *backbone, *TINY, "-o", folder)
    assert done.code == 0, done.stderr
    assert load_config(folder).name == network
    assert [row["epoch"] for row in json.loads((folder / "log.json").read_text())] == [1, 2]
    with torch.inference_mode():
        assert load(folder)(torch.randn(1, 32, 16, 48, 2)).shape == (1, 32, 4, 48, 2)


def test_a_networks_own_options_and_what_it_was_trained_on_are_kept(tiny_dataset, tmp_path):
    own = ("--network-option", "width=32", "--network-option", "layers=1")
    noise = ("--snr-db", "-5:20", "--noise-draws", "2", "--clean-share", "0.25")
    arguments = ("--data", tiny_dataset, *own, *noise, *TINY, "-o", tmp_path / "small")
    done = edgecsi("train", "csi-alm-light", *arguments)
    assert done.code == 0, done.stderr
    config = load_config(tmp_path / "small")
    assert config.options == {"width": 32, "layers": 1}
    with open_source(tiny_dataset, ExampleOptions(max_users=4), 8) as source:
        speeds = source.dataset.speed_kmh[source.train]
        assert config.radio == source.dataset.radio
    low, high = config.trained.speed_kmh
    assert config.trained == TrainedRange(speed_kmh=(low, high), snr_db=(-5.0, 20.0))
    assert low <= speeds.min() < low + 10
    assert high - 10 < speeds.max() <= high
    assert low % 10 == high % 10 == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("csi-alm-lite",), "unknown network 'csi-alm-lite'; did you mean 'csi-alm-light'? There are"),
        (("lstm", "--backbone", "random"), "lstm stands on no backbone"),
        (("llm4cp", "--backbone", "gpt5"), "unknown backbone 'gpt5'"),
        (("csi-alm-light", "--network-option", "width=3"), "csi-alm-light: network option width: "),
        (("csi-alm-light", "--network-option", "with=4"), "network option with: "),
        (("csi-alm-light", "--network-option", "with=4"), "; its options: width, layers, heads,"),
    ],
)
def test_what_can_not_be_trained(tiny_dataset, tmp_path, arguments, told):
    refuse(("train", *arguments, "--data", tiny_dataset, "-o", tmp_path / "out"), told)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_can_not_be_trained_is_told_before_anything_is_read():
    teacher = NetworkChoice(network="csi-alm", backbone="random")
    assert new_config(teacher, RadioSetting()).backbone == "random"
    with pytest.raises(ModelError, match=r"csi-alm needs .*history"):
        new_config(teacher, RadioSetting(history=15))
