"""The tables at a tiny size: what is in them, and what is said about what is not."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from command_line import edgecsi

from edgecsi.channel import Dataset
from edgecsi.models import NETWORKS
from edgecsi.models.baselines import BASELINES
from edgecsi.models.shipped import shipped
from edgecsi.radio import RadioSetting

import ablation  # isort: skip
import panels  # isort: skip
import predictors  # isort: skip
import size_table  # isort: skip
import table_files  # isort: skip
import tables  # isort: skip
import train_ablation  # isort: skip

TDD = RadioSetting()


@pytest.fixture(scope="module")
def models(tiny_dataset, tmp_path_factory):
    """A folder of models: two seeds of a GRU, one of another name."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("gru-0", 0), ("gru-3", 3), ("my-rnn", 0)):
        network = "rnn" if name == "my-rnn" else "gru"
        options = ("--epochs", "1", "--max-users", "4", "--seed", seed)
        done = edgecsi("train", network, "--data", tiny_dataset, *options, "-o", folder / "tdd" / name)
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
    rows = {row.name: row for row in predictors.networks(models / "tdd", TDD)}
    assert list(rows)[:-1] == list(predictors.NAMES.values())
    assert rows["csi-alm"].reason == rows["llm4cp"].reason == "waits for a GPU"
    assert rows["csi-alm-light"].reason == rows["lstm"].reason == "not trained"
    assert not rows["lstm"].predictors


def test_every_network_of_the_task_has_a_row():
    names = list(predictors.NAMES)
    assert set(names) - set(predictors.VARIANTS) == {row.name for row in NETWORKS if row.task == "csi"}
    assert names.index("csi-alm") < names.index("csi-alm-light") < names.index("csi-alm-light-distilled")
    assert names.index("csi-alm-light-direct") < names.index("csi-alm-light-ad") < names.index("gru")


def test_a_folder_belongs_to_the_network_of_the_longest_name():
    assert predictors.network_of("csi-alm-light-ad").name == "csi-alm-light-ad"
    assert predictors.network_of("csi-alm-light-weight-1").name == "csi-alm-light"
    assert predictors.network_of("csi-alm-no-llm").name == "csi-alm"
    assert predictors.network_of("my-rnn") is None


def test_seeds_are_one_row_and_other_names_have_their_own(models):
    rows = {row.name: row for row in predictors.networks(models / "tdd", TDD)}
    assert set(rows["gru"].predictors) == {0, 3}
    assert set(rows["my-rnn"].predictors) == {0}
    facts = rows["gru"].facts
    assert (facts["parameters"], facts["epochs"]) == (852_576, 1)
    assert (facts["training_users"], facts["hardware"]) == (4, "abacus")
    assert rows["my-rnn"].facts["hardware"] == "not recorded"


def test_a_shipped_network_is_described_by_its_card(tmp_path):
    shutil.copytree(shipped("csi-alm-light-ad", "tdd"), tmp_path / "csi-alm-light-ad")
    rows = {row.name: row for row in predictors.networks(tmp_path, TDD)}
    assert rows["csi-alm-light-ad"].facts["training_users"] == 2400


def test_few_shot_has_no_row_of_a_student_that_many_users_trained():
    assert "csi-alm-light" not in predictors.FEW_SHOT
    assert len(predictors.FEW_SHOT) == len(predictors.NAMES) - 1


def test_every_option_of_the_choice_has_a_row(settings):
    (panel,) = tables.build("choice", settings)["panels"]
    assert [row["name"] for row in panel["rows"]] == list(ablation.CHOICE.values())
    trained = {f"csi-alm-light-{variant}" for variant in train_ablation.CHOICE}
    assert trained == set(ablation.CHOICE)


def test_classical_predictors_predict_at_any_snr(tiny_dataset):
    with Dataset.open(tiny_dataset) as dataset:
        users = np.arange(4)
        for row in predictors.classical(dataset, users):
            for snr_db in (10.0, None) if row.predictors else ():
                future = row.predictors[0](snr_db)(dataset.history(users))
                assert future.shape == (4, 32, 4, 48)
                assert np.isfinite(future).all()


def test_a_baseline_that_does_not_apply_says_why(tiny_dataset):
    with Dataset.open(tiny_dataset) as dataset:
        rows = {row.name: row for row in predictors.classical(dataset, np.arange(2))}
    titles = {row.title: row.why_not(TDD) for row in BASELINES if row.task == "csi"}
    assert {title: rows[title].reason for title in titles} == titles
    assert {name for name in rows if name.endswith(", tuned")} == {"pooled ridge AR, tuned"}


def test_the_table_by_snr(settings):
    table = tables.build("snr", settings)
    assert [panel["title"].split(",")[0] for panel in table["panels"]] == ["TDD", "TDD", "FDD", "FDD"]
    panel = table["panels"][1]
    assert panel["columns"] == ["10", "clean"]
    rows = {row["name"]: row for row in panel["rows"]}
    assert len(rows["gru"]["values"]["10"]) == 2
    assert rows["cnn"]["values"] == {}
    hold, pooled = (rows[name]["values"] for name in ("hold last", "pooled ridge AR"))
    assert pooled["clean"][0] < hold["clean"][0] < hold["10"][0]
    (ahead,) = rows["hold last"]["steps_db"]["clean"]
    assert ahead == sorted(ahead)
    assert len(ahead) == 4
    other_band = {row["name"]: row for row in table["panels"][3]["rows"]}
    assert other_band["ridge AR in time and along frequency, tuned"]["values"]["clean"]
    assert "another one" in other_band["pooled ridge AR"]["reason"]


def test_some_rows_are_measured_and_put_into_the_table_that_is_there(settings):
    whole = tables.build("snr", settings)
    some = tables.build("snr", replace(settings, only=("gru", "cnn")))
    assert {row["name"] for panel in some["panels"] for row in panel["rows"]} == {"gru", "cnn"}
    without = json.loads(json.dumps(whole))
    for panel in without["panels"]:
        panel["rows"] = [row for row in panel["rows"] if row["name"] != "gru"]
    order = list(predictors.NAMES.values())
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
    assert "| lstm | not trained |" in text
    assert "| gru | TDD | 852,576 | 4 users | 1 | abacus |" in text
    assert "| NMSE in dB by step ahead, all | 1 | 2 | 3 | 4 |" in text
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
    rows = {row["name"]: row for row in tuned}
    names = list(rows)
    assert (
        names.index("hold last")
        < names.index("gru")
        < names.index("my-rnn")
        < names.index("csi-alm, fine-tuned")
    )
    assert "lstm" not in rows
    assert rows["lstm, fine-tuned"]["reason"] == "not trained"


def test_sizes_need_no_trained_models(monkeypatch, tmp_path, tiny_dataset):
    monkeypatch.setattr(size_table, "table_networks", lambda: [NETWORKS.get("llm4cp"), NETWORKS.get("gru")])
    monkeypatch.setattr("edgecsi.latency.plan.MIN_SECONDS", 0.05)
    plan = size_table.make_plan("quick", users=(1,), threads=(1,))
    short = plan.model_copy(update={"calls": 3, "network_cap_seconds": 0.05})
    monkeypatch.setattr(size_table, "make_plan", lambda *_, **__: short)
    with Dataset.open(tiny_dataset) as dataset:
        rows = predictors.in_mixed_noise(dataset, np.arange(2))
        baselines = [row for row in rows if row.facts.get("choice") or row.reason]
        panel = size_table.size_panel(tmp_path, dataset.radio, baselines, backbone="gpt5")
    rows = {row["name"]: row for row in panel["rows"]}
    assert rows["gru"]["values"]["parameters, M"] == [pytest.approx(0.852576)]
    assert rows["gru"]["facts"]["hardware"] == "not trained: timed as drawn"
    assert rows["llm4cp"]["reason"].startswith("unknown backbone 'gpt5'")
    assert rows["llm4cp"]["values"] == rows["ridge AR in time and along frequency"]["values"] == {}
    assert all(rows[name]["values"]["ms per user, 1 thread"][0] > 0 for name in ("gru", "pooled ridge AR"))
    assert rows["pooled ridge AR"]["values"]["parameters, M"] == [0]


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_stored_table_has_the_rows_that_are_measured_today(name):
    """So `--only` finds their places, and the Markdown beside it is drawn from it."""
    table = table_files.read_table(tables.RESULTS, name)
    known = {row.title for row in predictors.table_baselines()} | set(predictors.NAMES.values())
    known |= set(ablation.ABLATION.values()) | set(ablation.CHOICE.values()) | {"gain of distillation, dB"}
    found = {row["name"] for panel in table["panels"] for row in panel["rows"]}
    assert {name.removesuffix(", tuned").removesuffix(", fine-tuned") for name in found} <= known
    assert (tables.RESULTS / f"{name}.md").read_text() == table_files.markdown(table)
