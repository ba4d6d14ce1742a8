"""Training without a teacher, from the command line."""

import json

import pytest
import torch
from command_line import edgecsi, refuse

from edgecsi.models import load, load_config

TINY = ("--epochs", "2", "--max-users", "4", "--batch-users", "8", "--learning-rate", "1e-3")


@pytest.mark.parametrize("network", ["csi-alm-light", "gru", "llm4cp"])
def test_any_network_is_trained_and_kept(tiny_dataset, tmp_path, network):
    backbone = ("--backbone", "random") if network == "llm4cp" else ()
    folder = tmp_path / network
    done = edgecsi(
        "train", "direct", "--network", network, "--data", tiny_dataset, *backbone, *TINY, "-o", folder
    )
    assert done.code == 0, done.stderr
    assert load_config(folder).name == network
    assert [row["epoch"] for row in json.loads((folder / "log.json").read_text())] == [1, 2]
    with torch.inference_mode():
        assert load(folder)(torch.randn(1, 32, 16, 48, 2)).shape == (1, 32, 4, 48, 2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--network", "csi-alm"), "unknown network 'csi-alm'; choose one of csi-alm-light,"),
        (("--network", "lstm", "--backbone", "random"), "lstm stands on no backbone"),
        (("--network", "llm4cp", "--backbone", "gpt5"), "unknown backbone 'gpt5'"),
    ],
)
def test_what_can_not_be_trained(tiny_dataset, tmp_path, arguments, told):
    refuse(("train", "direct", *arguments, "--data", tiny_dataset, "-o", tmp_path / "out"), told)
    assert list(tmp_path.iterdir()) == []
