"""A network, a task and an engine, one file each outside the package, go the whole way."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import edgecsi

import edgecsi as package
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.registry import PLUGINS_VARIABLE, add_plugins

PLUGINS = sorted(str(path) for path in (Path(__file__).parent / "plugins").glob("toy_*.py"))
RADIO = RadioSetting(
    subcarriers=6, history=8, future=3, array=ArrayGeometry(columns=1, rows=1, polarisations=1)
)
NAMES = ("toy_task", "toy_network", "toy_engine")


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """Loaded as --plugin does, for this file's tests only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PLUGINS_VARIABLE, "")
        add_plugins(tuple(PLUGINS))
        yield
    forget_plugins()


def forget_plugins():
    """Take the toy rows out again: other tests run over every row."""
    from edgecsi.models.baselines import BASELINES
    from edgecsi.models.network import NETWORKS
    from edgecsi.runtime.engine import ENGINES
    from edgecsi.tasks import TASKS

    for registry in (TASKS, NETWORKS, BASELINES, ENGINES):
        for row in [row for row in registry if row.module in NAMES]:
            del registry._rows[row.name]


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """40 users whose levels follow x[t] = 0.6 x[t-1] + 0.3 x[t-2], a drop each."""
    path = tmp_path_factory.mktemp("toy") / "toy.h5"
    random = np.random.default_rng(3)
    levels = random.uniform(0.5, 1.5, (40, RADIO.history + RADIO.future, RADIO.subcarriers)).astype(
        np.float32
    )
    for t in range(2, levels.shape[1]):
        levels[:, t] = 0.6 * levels[:, t - 1] + 0.3 * levels[:, t - 2]
    origin = package.Origin(scenario="toy", generator="test", generator_version="1")
    with package.write_dataset(path, RADIO, origin, 40, task="toy") as writer:
        speeds = np.where(np.arange(40) % 2, 30.0, 90.0)
        writer.write(0, levels[:, :8], levels[:, 8:], speeds, np.arange(40))
    return path


def succeed(*arguments):
    done = edgecsi(*arguments)
    assert done.code == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def built(series, tmp_path_factory):
    """The toy network trained, and its bundle with the toy engine."""
    folder = tmp_path_factory.mktemp("built")
    succeed(
        "train",
        "toy-net",
        "--data",
        series,
        "--epochs",
        "60",
        "--learning-rate",
        "0.05",
        "-o",
        folder / "net",
    )
    given = ("--data", series, "--student", folder / "net")
    succeed("compress", *given, "--target", "reference-fp32", "--target", "ort-fp32", "-o", folder / "build")
    return folder / "build"


def test_compress_makes_bundles_of_the_toys(built):
    report = json.loads((built / "compress.json").read_text())
    assert (report["task"], report["network"]["name"]) == ("toy", "toy-net")
    assert list(report["metrics"]) == ["as given"]  # the task has no noise
    assert set(report["metrics"]["as given"]) == {"toy_hold", "student"}
    bundle = json.loads((built / "reference-fp32-toy-net.edgecsi" / "manifest.json").read_text())
    assert bundle["engine"]["name"] == "reference"
    assert bundle["input"]["name"] == "level_history"
    assert set(bundle["proof"]["metrics"]["as given"]["engine"]["groups"]["speed_kmh"]) <= {"slow", "fast"}


@pytest.mark.parametrize("target", ["reference-fp32", "ort-fp32"])
def test_verify_accepts_them(built, target):
    succeed("verify", built / f"{target}-toy-net.edgecsi")


def test_a_predictor_takes_the_tasks_arrays(built, series):
    with package.Dataset.open(series) as dataset:
        history, future = dataset.history(slice(0, 4)), dataset.future(slice(0, 4))
    predicted = package.load(built / "reference-fp32-toy-net.edgecsi").predict(history)
    assert predicted.dtype == np.float32
    assert np.abs(predicted - future).max() < 0.02


def test_build_makes_another_engine_of_it(built, tmp_path):
    out = tmp_path / "again.edgecsi"
    succeed("build", built / "ort-fp32-toy-net.edgecsi", "--target", "reference-fp32", "-o", out)
    succeed("verify", out)


def test_latency_report_times_them(built, tmp_path):
    bundle, out = built / "reference-fp32-toy-net.edgecsi", tmp_path / "latency.json"
    succeed(
        "latency-report", bundle, "--quick", "--users", "1", "--threads", "1", "--calls", "20", "--json", out
    )
    (subject,) = json.loads(out.read_text())["subjects"]
    assert subject["reason"] is None
    assert subject["cells"][0]["runs"][0]["timing"]["calls"] >= 20


def test_targets_lists_the_toy_engine():
    rows = json.loads(succeed("targets", "--json", "-").stdout)
    assert "reference-fp32" in [row["target"] for row in rows]


def test_a_plugin_that_can_not_be_loaded_is_one_line(tmp_path):
    done = edgecsi("--plugin", tmp_path / "nothing.py", "targets")
    assert done.code == 1
    assert "nothing.py' can't be loaded: no such file" in done.stderr
