"""Engines against the PyTorch student that they were made from, on the test users."""

import numpy as np
import pytest
from tiny_compress import TARGETS

from edgecsi.bundle import Signature, open_bundle
from edgecsi.channel import Dataset
from edgecsi.export.targets import get_target
from edgecsi.metrics import GoalBounds
from edgecsi.models import load
from edgecsi.stages.engine import load_built
from edgecsi.stages.judging import Runner, engine_goals, make_runner, measure
from edgecsi.stages.tested_users import indices_under_test
from edgecsi.training.evaluation import network_predictor
from edgecsi.users import Users

LOSS_DB = {"fp32": 0.01, "fp16": 0.05}
RELATIVE_ERROR_DB = {"fp32": -60, "fp16": -40}
STRICT = GoalBounds(max_nmse_loss_db=0.0, max_worst_speed_loss_db=0.0)


@pytest.fixture(scope="module")
def dataset(compressed):
    (data,) = (compressed / ".cache").glob("data-*/channels.h5")
    with Dataset.open(data) as opened:
        yield opened


@pytest.fixture(scope="module")
def users(compressed, dataset):
    """scale -> the test users with their CSI times that, and the student's word on them."""
    predict = network_predictor(load(compressed / "student"), dataset.task)
    found = dataset.users(indices_under_test(dataset))
    return {
        scale: Users(
            found.inputs * np.float32(scale),
            found.targets * np.float32(scale),
            found.columns,
            predict(found.inputs * np.float32(scale)),
        )
        for scale in (1, 1e-7)
    }


@pytest.fixture(scope="module")
def runners(compressed, dataset):
    """target -> its engine, or what stands in for it where it can't run."""
    signature = Signature.of(dataset.task, dataset.radio)
    folders = {name: next((compressed / ".cache").glob(f"engine-{name}-*")) for name in TARGETS}
    return {
        name: make_runner(name, *load_built(folder), dataset.task, signature)
        for name, folder in folders.items()
    }


@pytest.mark.parametrize("scale", [1, 1e-7])
@pytest.mark.parametrize("name", TARGETS)
def test_an_engine_computes_what_its_student_computes(runners, users, dataset, name, scale):
    some = users[scale]
    found = measure(runners[name], [some])
    precision = get_target(name).precision
    student = dataset.task.energies(some.student, some.targets)
    for goal in engine_goals("as given", found.energies, found.labels, student, STRICT, 0.0):
        assert abs(goal.value) < LOSS_DB[precision], goal.line
    assert found.deviation.pooled_db() < RELATIVE_ERROR_DB[precision]


@pytest.mark.parametrize("name", TARGETS)
def test_the_manifest_says_what_was_measured(compressed, runners, users, name):
    manifest = open_bundle(compressed / f"{name}-csi-alm-light.edgecsi").manifest
    found = measure(runners[name], [users[1]])
    assert manifest.proof.relative_error_db == pytest.approx(found.deviation.pooled_db(), abs=3)
    engine = manifest.proof.metrics["as given"]["engine"]
    assert engine.mean_db == pytest.approx(found.report.mean_db, abs=1e-3)
    assert manifest.engine.executed == (get_target(name).why_not_run() is None)
    assert manifest.proof.goals_met


def test_the_measure_sees_an_engine_that_is_off(runners, users):
    engine = runners["ort-fp32"]
    wrong = Runner(lambda inputs: 1.01 * engine.run(inputs), engine.task, engine.executed)
    found = measure(wrong, [users[1]])
    assert found.deviation.pooled_db() == pytest.approx(-40, abs=0.1)
