"""The tables at a tiny size: what is in them, and what is said about what is not."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from command_line import edgecsi

from edgecsi.channel import Dataset
from edgecsi.models.shipped import shipped

import ablation  # isort: skip
import panels  # isort: skip
import predictors  # isort: skip
import size_table  # isort: skip
import table_files  # isort: skip
import tables  # isort: skip
import train_ablation  # isort: skip

CLASSICAL = 6


@pytest.fixture(scope="module")
def models(tiny_dataset, tmp_path_factory):
    """A folder of models: two seeds of a GRU, one of another name."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("gru-0", 0), ("gru-3", 3), ("my-rnn", 0)):
        network = "rnn" if name == "my-rnn" else "gru"
        options = ("--epochs", "1", "--max-users", "4", "--seed", seed)
        done = edgecsi(
            "train", "direct", "--network", network, "--data", tiny_dataset, *options, "-o",
            folder / "tdd" / name,
        )  # fmt: skip
        assert done.code == 0, done.stderr
    (folder / "tdd" / "gru-0.json").write_text(
        json.dumps({"training_users": 4, "environment": {"cpu": "abacus"}})
    )
    return folder


@pytest.fixture
def settings(models, tmp_path, monkeypatch):
    monkeypatch.setattr(panels, "SNRS", (10.0, None))
    monkeypatch.setattr(tables, "SPEED_SNRS", (20.0,))
    return tables.Settings(models, tmp_path / "cache", users=4, validation=4)


def test_networks_that_are_not_there_stay_in_the_table(models):
    rows = {row.name: row for row in predictors.networks(models / "tdd")}
    assert list(rows)[:-1] == list(predictors.NETWORKS.values())
    assert rows["CSI-ALM (teacher)"].reason == rows["LLM4CP"].reason == "waits for a GPU"
    assert rows["CSI-ALM-Light"].reason == rows["LSTM"].reason == "not trained"
    assert not rows["LSTM"].predictors


def test_seeds_are_one_row_and_other_names_have_their_own(models):
    rows = {row.name: row for row in predictors.networks(models / "tdd")}
    assert set(rows["GRU"].predictors) == {0, 3}
    assert set(rows["my-rnn"].predictors) == {0}
    facts = rows["GRU"].facts
    assert (facts["parameters"], facts["epochs"]) == (852_576, 1)
    assert (facts["training_users"], facts["hardware"]) == (4, "abacus")
    assert rows["my-rnn"].facts["hardware"] == "not recorded"


def test_a_shipped_network_is_described_by_its_card(tmp_path):
    shutil.copytree(shipped("csi-alm-light-ad", "tdd"), tmp_path / "csi-alm-light-ad")
    rows = {row.name: row for row in predictors.networks(tmp_path)}
    assert rows["CSI-ALM-Light-AD"].facts["training_users"] == 2400


def test_few_shot_has_no_row_of_a_student_that_many_users_trained():
    assert "CSI-ALM-Light" not in predictors.FEW_SHOT.values()
    assert len(predictors.FEW_SHOT) == len(predictors.NETWORKS) - 1


def test_every_option_of_the_choice_has_a_row(settings):
    (panel,) = tables.build("choice", settings)["panels"]
    assert [row["name"] for row in panel["rows"]] == list(ablation.CHOICE.values())
    trained = {f"csi-alm-light-{variant}" for variant in train_ablation.CHOICE}
    assert trained == set(ablation.CHOICE)


def test_classical_predictors_predict_at_any_snr(tiny_dataset):
    with Dataset.open(tiny_dataset) as dataset:
        users = np.arange(4)
        for row in predictors.classical(dataset, users):
            for snr_db in (10.0, None):
                future = row.predictors[0](snr_db)(dataset.history(users))
                assert future.shape == (4, 32, 4, 48)
                assert np.isfinite(future).all()


def test_the_table_by_snr(settings):
    table = tables.build("snr", settings)
    assert [panel["title"].split(",")[0] for panel in table["panels"]] == ["TDD", "TDD", "FDD", "FDD"]
    panel = table["panels"][1]
    assert panel["columns"] == ["10", "clean"]
    rows = {row["name"]: row for row in panel["rows"]}
    assert len(rows["GRU"]["values"]["10"]) == 2
    assert rows["CNN"]["values"] == {}
    hold, pooled = (rows[name]["values"] for name in ("hold last", "ridge AR, pooled"))
    assert pooled["clean"][0] < hold["clean"][0] < hold["10"][0]


def test_some_rows_are_measured_and_put_into_the_table_that_is_there(settings):
    whole = tables.build("snr", settings)
    some = tables.build("snr", replace(settings, only=("GRU", "CNN")))
    assert {row["name"] for panel in some["panels"] for row in panel["rows"]} == {"GRU", "CNN"}
    without = json.loads(json.dumps(whole))
    for panel in without["panels"]:
        panel["rows"] = [row for row in panel["rows"] if row["name"] != "GRU"]
    order = list(predictors.NETWORKS.values())
    assert table_files.with_rows(without, some, order)["panels"] == whole["panels"]


def test_rows_of_other_settings_are_refused(settings):
    whole = tables.build("snr", settings)
    some = {**whole, "settings": {"test_users": 1}}
    with pytest.raises(SystemExit, match="snr was measured with"):
        table_files.with_rows(whole, some, [])


def test_a_table_is_written_thrice(settings, tmp_path):
    table = tables.build("speed", settings)
    table_files.write_table(tmp_path / "out", table)
    assert json.loads((tmp_path / "out" / "speed.json").read_text()) == table
    text = (tmp_path / "out" / "speed.md").read_text()
    assert "| LSTM | not trained |" in text
    assert "| GRU | TDD | 852,576 | 4 users | 1 | abacus |" in text
    assert "<svg" in (tmp_path / "out" / "speed.svg").read_text()


def test_no_path_of_the_machine_is_in_a_table(settings, models):
    assert str(models.parent) not in json.dumps(tables.build("zero-shot", settings))


def test_spread_over_seeds():
    assert table_files.number([-1.0]) == "-1.00"
    assert table_files.number([-1.0, -3.0, -5.0]) == "-3.00 (-5.00 to -1.00)"
    assert table_files.number([0.3486], digits=3) == "0.349"


def line(name, seeds, values):
    return {"name": name, "seeds": seeds, "values": {"20": values} if seeds else {}}


def test_the_gain_of_distillation_is_paired_by_seed():
    direct, distilled = (ablation.ABLATION[f"csi-alm-light-{kind}"] for kind in ("direct", "distilled"))
    rows = [line(direct, [0, 1, 2], [-9.0, -10.0, -8.0]), line(distilled, [1, 2], [-10.5, -8.2])]
    (gain,) = ablation.distillation_gain(rows)
    assert gain["seeds"] == [1, 2]
    assert gain["values"]["20"] == pytest.approx([0.5, 0.2])
    assert ablation.distillation_gain([line(direct, [0], [1.0]), line(distilled, [], [])]) == []


def test_the_quadriga_tables_ask_for_their_archive(settings):
    with pytest.raises(SystemExit, match="needs --quadriga"):
        tables.build("cross-simulator", settings)


def test_quadriga_tables(settings, tiny_dataset, tmp_path):
    """On an archive in QuaDRiGa's form, written from other channels: 12 speed blocks of 2 users."""
    with Dataset.open(tiny_dataset) as dataset:
        every = slice(None)
        parts = dataset.history(every), dataset.future(every), dataset.future(every)  # as if on both bands
        csi = np.concatenate(parts, axis=2)
    rms = np.sqrt(np.mean(np.abs(csi) ** 2, axis=(1, 2, 3)))
    unit = (csi / rms[:, None, None, None]).transpose(0, 2, 3, 1).reshape(12, 2, 24, 48, 4, 4, 2)
    pairs = np.stack([unit.real, unit.imag], axis=-1).astype(np.float16)
    speeds = np.linspace(10, 100, 12)
    archive = tmp_path / "quadriga.npz"
    np.savez(archive, csi=pairs, rms=rms.reshape(12, 2).astype(np.float32), speed_kmh=speeds)
    settings = tables.Settings(settings.models, settings.cache, archive, users=4, validation=2)
    table = tables.build("cross-simulator", settings)
    assert [panel["title"][:3] for panel in table["panels"]] == ["TDD", "TDD", "FDD", "FDD"]
    assert table["panels"][1]["columns"][-1] == "all"
    tuned = tables.build("fine-tune", settings)["panels"][0]["rows"]
    names = [row["name"] for row in tuned]
    assert names[CLASSICAL : CLASSICAL + 2] == ["GRU", "my-rnn"]
    assert {"name": "LSTM, fine-tuned", "reason": "not trained"}.items() <= tuned[
        names.index("LSTM, fine-tuned")
    ].items()


def test_sizes_need_no_trained_models(monkeypatch, tmp_path):
    monkeypatch.setattr(size_table, "NETWORKS", {"llm4cp": "LLM4CP", "gru": "GRU"})
    monkeypatch.setattr(size_table, "CLASSICAL", {"ridge AR": size_table.RidgeAr(2, 0.3)})
    monkeypatch.setattr("edgecsi.latency.plan.MIN_SECONDS", 0.05)
    plan = size_table.make_plan("quick", users=(1,), threads=(1,))
    short = plan.model_copy(update={"calls": 3, "network_cap_seconds": 0.05})
    monkeypatch.setattr(size_table, "make_plan", lambda *_, **__: short)
    panel = size_table.size_panel(tmp_path, backbone="gpt5")
    rows = {row["name"]: row for row in panel["rows"]}
    assert rows["GRU"]["values"]["parameters, M"] == [pytest.approx(0.852576)]
    assert rows["GRU"]["facts"]["hardware"] == "not trained: timed as drawn"
    assert rows["LLM4CP"]["reason"].startswith("unknown backbone 'gpt5'")
    assert rows["LLM4CP"]["values"] == {}
    assert all(rows[name]["values"]["ms per user, 1 thread"][0] > 0 for name in ("GRU", "ridge AR"))
    assert rows["ridge AR"]["values"]["parameters, M"] == [0]
