"""Training the rows of the tables, at a tiny size."""

import json
import sys

import pytest
import torch

from edgecsi.models import build_network, load_config, save
from edgecsi.models.folder import trained_state
from edgecsi.training import TrainOptions
from edgecsi.training.stage import config_of

import fine_tune  # isort: skip
import train_ablation  # isort: skip
import train_baselines  # isort: skip
from ablation import ABLATION  # isort: skip


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a script with arguments; models go to `tmp_path / "models"`."""

    def call(script, *arguments):
        places = ("--cache", tmp_path / "cache")
        monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, (*places, *arguments))])
        script.main()

    return call


@pytest.fixture
def train(run, tiny_dataset, tmp_path):
    options = ("--data", tiny_dataset, "--duplex", "tdd", "--users", 4, "--epochs", 2)
    return lambda *more: run(train_baselines, *options, "-o", tmp_path / "models", *more)


def test_networks_are_trained_once_and_told_about(train, tmp_path, capfd):
    more = ("--networks", "csi-alm-light", "gru", "--seeds", 1, "--learning-rates", 1e-3, 3e-3)
    train(*more)
    folder = tmp_path / "models" / "tdd"
    assert load_config(folder / "csi-alm-light-direct-1").seed == 1
    record = json.loads((folder / "gru-1.json").read_text())
    searched = record["validation_db_by_learning_rate"]
    assert set(searched) == {"0.001", "0.003"}
    assert f"{record['options']['learning_rate']:g}" == min(searched, key=searched.get)
    assert record["training_users"] == 4
    assert record["environment"]["cpu"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "csi-alm-light-direct-1", "csi-alm-light-direct-1.json", "gru-1", "gru-1.json",
    ]  # fmt: skip
    capfd.readouterr()
    train(*more)
    assert "epoch" not in capfd.readouterr().err


def test_one_learning_rate_is_not_searched(train, tmp_path):
    train("--networks", "rnn", "--learning-rates", 1e-3, "--collection", "few-shot")
    record = json.loads((tmp_path / "models" / "few-shot" / "tdd" / "rnn.json").read_text())
    assert record["validation_db_by_learning_rate"] == {"0.001": None}


def test_fine_tuning_continues_what_is_there(train, run, tmp_path, tiny_dataset, monkeypatch):
    train("--networks", "gru", "--learning-rates", 1e-3)
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "quadriga.h5").symlink_to(tiny_dataset)
    run(fine_tune, "--quadriga", "none.npz", "--models", tmp_path / "models", "--epochs", 1)
    folder = tmp_path / "models" / "fine-tune" / "tdd"
    assert load_config(folder / "gru").name == "gru"
    assert json.loads((folder / "gru.json").read_text())["options"]["start_from"] == "gru"


def test_the_students_of_the_ablation(run, tmp_path, tiny_dataset):
    torch.manual_seed(0)
    config = config_of("csi-alm", tiny_dataset, 0, "random")
    save(tmp_path / "teacher", config, trained_state(build_network(config)), [])
    options = ("--data", tiny_dataset, "--users", 2, "--epochs", 1, "--relation-heads", 16, "--seeds", 0, 1)
    run(train_ablation, "--teacher", tmp_path / "teacher", *options, "--teachers", "-o", tmp_path / "models")
    folder = tmp_path / "models" / "ablation" / "tdd"
    found = {path.name[:-2] for path in folder.iterdir() if path.is_dir()}
    assert found == {name for name in ABLATION if "light" in name}
    assert json.loads((folder / "csi-alm-light-qq-1.json").read_text())["distillation"]["parts"] == ["query"]
    weights = [(folder / f"csi-alm-light-{one}-0" / "model.safetensors").read_bytes() for one in ("qq", "kk")]
    assert weights[0] != weights[1]


def test_networks_of_the_whole_array_get_it():
    options = TrainOptions(batch_users=16, batch_antennas=8)
    assert train_baselines.fit_batches("lstm", options) is options
    whole = train_baselines.fit_batches("csi-alm-light-ad", options)
    assert (whole.batch_users, whole.batch_antennas) == (4, 32)
