"""Every engine over every setting, for a complex and a real task: it works, or says why not in one line."""

import os

import numpy as np
import pytest
import tiny_bundle
from contract_settings import SETTINGS
from hypothesis import given, settings
from hypothesis import strategies as st
from level_task import LEVELS

from edgecsi.bundle import Signature
from edgecsi.calib.candidates import candidates
from edgecsi.calib.qdq import quantize
from edgecsi.errors import BuildError, BundleError
from edgecsi.export.emulation import EmulatedEngine
from edgecsi.export.targets import all_targets, get_target
from edgecsi.metrics import Energies
from edgecsi.runtime import ENGINES, run_in_pieces, start_engine, why_not_run
from edgecsi.tasks import TASKS

CSI = TASKS.get("csi")
SMALL = tiny_bundle.RADIO
TARGETS = [target.name for target in all_targets()]
LARGEST = 1.0  # of the activations of the tiny predictor, which it divides by their peak
SUBJECTS = {
    **{name: (CSI, radio) for name, radio in SETTINGS.items()},
    "levels": (LEVELS, SMALL),
}


def one_line(error):
    assert str(error)
    assert "\n" not in str(error)


def lowered(target, task, radio):
    """The graph that the target builds from."""
    graph = tiny_bundle.graph(task, radio)
    if target.calibrated:
        operators = candidates(graph)
        graph = quantize(graph, operators, {operator.activation: LARGEST for operator in operators})
    return target.lower(graph)


def built(target, task=CSI, radio=SMALL):
    """The target's engine of the tiny predictor. Skips with the reason where there is none."""
    if reason := target.why_not_run() or target.why_not_build():
        one_line(reason)
        pytest.skip(reason)
    try:
        return target.build(lowered(target, task, radio))
    except BuildError as refusal:
        one_line(refusal)
        pytest.skip(str(refusal))


def started(target, task=CSI, radio=SMALL, threads=1):
    """The engine; where this machine can't run it, its lowered graph stands in for it, as in `compress`."""
    if target.why_not_run() and target.promise.lowering:
        return EmulatedEngine(lowered(target, task, radio), threads)
    files = built(target, task, radio).files
    return start_engine(target.engine, files, Signature.of(task, radio), threads, target.precision)


def errors_db(found, wanted):
    """Per user."""
    return Energies.of(found, wanted).users_db()


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("name", TARGETS)
def test_an_engine_predicts_what_its_network_does(name, subject):
    target, (task, radio) = get_target(name), SUBJECTS[subject]
    engine = started(target, task, radio)
    inputs = tiny_bundle.channels(3, task=task, radio=radio)
    wanted = task.target.to_engine(tiny_bundle.student(inputs, task, radio))
    found = run_in_pieces(engine, task.input.to_engine(inputs))

    assert (found.shape, found.dtype) == (wanted.shape, np.float32)
    assert errors_db(found, wanted).max() < target.promise.agreement_db


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=5)
@given(exponent=st.floats(-8, 4), order=st.lists(st.integers(0, 2), min_size=1, max_size=4))
def test_neither_scale_nor_company_changes_a_prediction(name, exponent, order):
    target = get_target(name)
    engine = started(target)
    inputs = CSI.input.to_engine(tiny_bundle.channels(3))
    alone = np.concatenate([run_in_pieces(engine, inputs[user : user + 1]) for user in order])
    scale = np.float32(10**exponent)
    company = np.concatenate([inputs[order], inputs[:1] * 0, inputs * np.float32(1e4)])

    scaled = run_in_pieces(engine, scale * inputs[order]) / scale
    found = run_in_pieces(engine, company)
    for same in (scaled, found[: len(order)]):
        assert errors_db(same, alone).max() < target.promise.invariance_db
    assert not found[len(order)].any()


@pytest.mark.parametrize("threads", [1, 2, None])
@pytest.mark.parametrize("name", TARGETS)
def test_an_engine_states_its_threads_and_keeps_to_its_cores(name, threads):
    before = os.sched_getaffinity(0)
    engine = started(get_target(name), threads=threads)
    run_in_pieces(engine, CSI.input.to_engine(tiny_bundle.channels(2)))

    assert engine.threads in (None, threads or len(before))
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("name", TARGETS)
def test_an_engine_of_another_setting_is_refused_before_it_runs(name):
    target = get_target(name)
    engine = built(target)
    assert (engine.engine, tuple(engine.files)) == (target.engine, target.row.files)
    for field in ("history", "subcarriers"):
        other = Signature.of(CSI, SMALL.model_copy(update={field: getattr(SMALL, field) + 1}))
        with pytest.raises(BundleError, match=r"csi_history") as caught:
            start_engine(engine.engine, engine.files, other, 1, target.precision)
        one_line(caught.value)


@pytest.mark.parametrize("row", ENGINES, ids=lambda row: row.name)
def test_files_that_are_no_engine_are_refused_in_one_line(row):
    precision = next(iter(row.precisions))
    if reason := row.why_not_run(precision, None):
        pytest.skip(reason)
    with pytest.raises(BundleError) as caught:
        start_engine(row.name, dict.fromkeys(row.files, b"no engine"), tiny_bundle.SIGNATURE, 1, precision)
    one_line(caught.value)


@pytest.mark.parametrize("row", ENGINES, ids=lambda row: row.name)
def test_a_row_says_what_there_is_to_say(row):
    assert row.files
    assert row.libraries
    assert row.machine
    assert row.module.startswith("edgecsi.runtime.engines.")
    assert row.builder == f"edgecsi.export.builders.{row.module.rpartition('.')[2]}"  # halves share a name
    for name, precision in row.precisions.items():
        assert precision.summary
        assert precision.agreement_db < 0 > precision.invariance_db
        assert not (precision.calibrated and precision.solves_fp32)
        assert why_not_run(row.name, name) is None or "\n" not in str(why_not_run(row.name, name))
