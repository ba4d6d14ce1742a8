"""Training the rows of the tables, at a tiny size."""

import json
import sys

import pytest
import torch

from edgecsi.channel import Dataset
from edgecsi.metrics import Report
from edgecsi.models import ModelConfig, build_network, load_config, save
from edgecsi.models.folder import trained_state
from edgecsi.models.shipped import FOLDER, Roles
from edgecsi.radio import RadioSetting
from edgecsi.training import TrainOptions

import fine_tune  # isort: skip
import model_card  # isort: skip
import train_ablation  # isort: skip
import train_baselines  # isort: skip
import train_reference  # isort: skip
import training_recipe  # isort: skip
from ablation import ABLATION  # isort: skip

SHIPPED = sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


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
    with Dataset.open(tiny_dataset) as dataset:
        config = ModelConfig(name="csi-alm", radio=dataset.radio, backbone="random")
    save(tmp_path / "teacher", config, trained_state(build_network(config)), [])
    options = ("--data", tiny_dataset, "--users", 2, "--epochs", 1, "--relation-heads", 16, "--seeds", 0, 1)
    run(train_ablation, "--teacher", tmp_path / "teacher", *options, "--teachers", "-o", tmp_path / "models")
    folder = tmp_path / "models" / "ablation" / "tdd"
    found = {path.name[:-2] for path in folder.iterdir() if path.is_dir()}
    assert found == {name for name in ABLATION if "light" in name}
    assert json.loads((folder / "csi-alm-light-qq-1.json").read_text())["options"]["relation_parts"] == [
        "query"
    ]
    weights = [(folder / f"csi-alm-light-{one}-0" / "model.safetensors").read_bytes() for one in ("qq", "kk")]
    assert weights[0] != weights[1]


def test_networks_of_the_whole_array_get_it():
    options = TrainOptions(batch_users=16, batch_antennas=8)
    assert train_baselines.fit_batches("lstm", options, RadioSetting()) is options
    whole = train_baselines.fit_batches("csi-alm-light-ad", options, RadioSetting())
    assert (whole.batch_users, whole.batch_antennas) == (4, 32)


@pytest.mark.parametrize("folder", SHIPPED)
def test_the_recipe_of_a_shipped_model_can_be_read_and_written(folder, tmp_path):
    config = load_config(FOLDER / folder)
    steps = training_recipe.shipped_steps(config.name, config.radio.duplex)
    assert {step.options.network for step in steps} == {config.name}
    assert {step.data.radio for step in steps} == {config.radio}
    assert steps[-1].options.snr_db == config.trained.snr_db
    assert steps[0].start is None
    assert all(step.start for step in steps[1:])
    training_recipe.write_steps(tmp_path / "recipe.yaml", steps)
    assert training_recipe.read_steps(tmp_path / "recipe.yaml") == steps


@pytest.mark.parametrize("folder", SHIPPED)
def test_the_card_of_a_shipped_model_is_drawn_from_its_numbers_and_recipe(folder):
    steps = training_recipe.read_steps(FOLDER / folder / "recipe.yaml")
    card = json.loads((FOLDER / folder / "card.json").read_text())
    assert card["epochs"] == training_recipe.epochs_of(steps)
    assert card["config"] == load_config(FOLDER / folder).model_dump(mode="json")
    assert (FOLDER / folder / "README.md").read_text() == model_card.markdown(card, steps)


@pytest.mark.parametrize("budget", train_reference.BUDGETS)
def test_every_budget_trains_a_teacher_first_and_what_is_shipped(budget):
    for duplex in ("tdd", "fdd"):
        names = train_reference.names_of(duplex)
        assert names[0] == "csi-alm"
        assert ("csi-alm-light-delta" in names) == (duplex == "tdd")
        for name in names:
            steps = train_reference.steps_of(name, duplex, budget)
            assert {step.data.duplex for step in steps} == {duplex}
    teacher = train_reference.steps_of("csi-alm", "fdd", budget)[0]
    assert teacher.data == train_reference.steps_of("csi-alm-light", "fdd", budget)[0].data


def test_a_network_is_trained_step_by_step_judged_and_shipped(tmp_path, tiny_dataset, monkeypatch):
    steps = train_reference.steps_of("csi-alm-light", "fdd", "two-cores")
    short = {"student.epochs": 1, "student.max_users": 2, "data.duplex": "tdd"}
    folder = tmp_path / "tdd" / "csi-alm-light"
    train_reference.train_steps([step.changed(short) for step in steps], folder, tmp_path, data=tiny_dataset)
    assert (folder.parent / "csi-alm-light-clean" / "config.json").is_file()
    assert load_config(folder).trained.snr_db == (5.0, 25.0)
    assert json.loads(folder.with_name("csi-alm-light.json").read_text())["epochs"] == 2

    monkeypatch.setattr(model_card, "SNR_DB", (None, 20.0))
    shipped = tmp_path / "shipped"
    arguments = (folder, "--data", tiny_dataset, "--users", 2, "--reference-for", "student", "-o", shipped)
    monkeypatch.setattr(sys, "argv", ["model_card", *map(str, arguments)])
    model_card.main()
    assert load_config(shipped) == load_config(folder)
    assert len(training_recipe.read_steps(shipped / "recipe.yaml")) == 2
    assert Roles.model_validate_json((shipped / "role.json").read_text()).reference_for == ("student",)
    card = json.loads((shipped / "card.json").read_text())
    assert (card["epochs"], card["training_users"], card["test"]["test_users"]) == (2, 2, 2)
    reports = [Report(**row["report"]) for row in card["rows"]]
    assert all(len(report.steps_db) == 4 for report in reports)
    assert {row["snr_db"] for row in card["rows"]} == {None, 20.0}
    assert "ridge AR in time and along frequency" in card["not_applicable"]
    text = (shipped / "README.md").read_text()
    assert text.startswith("# csi-alm-light, TDD\n")
    assert "| hold last | 20 dB |" in text
    assert "No ridge AR in time and along frequency: it predicts the band above" in text
