"""Engines against the PyTorch student that they were made from, on the test users."""

import numpy as np
import pytest
from tiny_compress import TARGETS

from edgecsi.channel import Dataset
from edgecsi.export.targets import get_target
from edgecsi.models import load
from edgecsi.pipeline.proof import Case, load_runner, measure
from edgecsi.pipeline.testset import test_users as users_of_the_test
from edgecsi.training.evaluation import network_predictor

LOSS_DB = {"fp32": 0.01, "fp16": 0.05}
RELATIVE_ERROR_DB = {"fp32": -60, "fp16": -40}


@pytest.fixture(scope="module")
def cases(compressed):
    """scale -> the test users with their CSI times that, and the student's word on them."""
    predict = network_predictor(load(compressed / "student"))
    (data,) = (compressed / ".cache").glob("data-*/channels.h5")
    with Dataset.open(data) as dataset:
        users = users_of_the_test(dataset)
        history, truth = dataset.history(users), dataset.future(users)
        speeds = dataset.speed_kmh[users]
    scaled = {scale: (history * np.float32(scale), truth * np.float32(scale)) for scale in (1, 1e-7)}
    return {scale: Case(past, predict(past), future, speeds) for scale, (past, future) in scaled.items()}


@pytest.fixture(scope="module")
def runners(compressed):
    """target -> its engine, or what stands in for it where it can't run."""
    folders = {name: next((compressed / ".cache").glob(f"engine-{name}-*")) for name in TARGETS}
    return {name: load_runner(folder) for name, folder in folders.items()}


@pytest.mark.parametrize("scale", [1, 1e-7])
@pytest.mark.parametrize("name", TARGETS)
def test_an_engine_computes_what_its_student_computes(runners, cases, name, scale):
    found = measure(runners[name], [cases[scale]])
    precision = get_target(name).precision
    assert abs(found.loss_db) < LOSS_DB[precision]
    assert set(found.engine.per_speed_db) == set(found.reference.per_speed_db)
    for speed, value in found.engine.per_speed_db.items():
        assert abs(value - found.reference.per_speed_db[speed]) < LOSS_DB[precision]
    assert found.relative_error_db < RELATIVE_ERROR_DB[precision]


@pytest.mark.parametrize("name", TARGETS)
def test_the_manifest_says_what_was_measured(compressed, runners, cases, name):
    from edgecsi.bundle import open_bundle

    proof = open_bundle(compressed / f"{name}.edgecsi").manifest.nmse
    found = measure(runners[name], [cases[1]])
    assert proof.relative_error_db == pytest.approx(found.relative_error_db, abs=3)
    assert proof.nmse_loss_db == pytest.approx(found.loss_db, abs=1e-3)
    assert proof.engine_executed == (get_target(name).why_not_run() is None)
    assert proof.goals_met


def test_the_measure_sees_an_engine_that_is_off(runners, cases):
    engine = runners["ort-fp32"]
    wrong = type(engine)(lambda history: 1.01 * engine.run(history), engine.executed)
    found = measure(wrong, [cases[1]])
    assert found.relative_error_db == pytest.approx(-40, abs=0.1)
