"""What every target's engine promises, measured on the engine (for TensorRT: on its emulation)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecsi.export.targets import all_targets, get_target
from edgecsi.runtime import run_in_pieces

RUNNABLE = [t.name for t in all_targets() if t.promise.lowering or not t.why_not_run()]
pytestmark = pytest.mark.parametrize("name", RUNNABLE)
DEVIATION = {"fp32": 1e-4}  # of scale equivariance and batch invariance; 1e-2 in other precisions


def allowed_deviation(name: str) -> float:
    return DEVIATION.get(get_target(name).precision, 1e-2)


def deviation(found, wanted) -> float:
    """Largest relative deviation of a user."""
    users = range(len(wanted))
    return max(np.linalg.norm(found[i] - wanted[i]) / np.linalg.norm(wanted[i]) for i in users)


@pytest.mark.parametrize("scale", [1.0, 1e-7])
def test_equals_the_pytorch_student(engines, student, history, name, scale):
    csi = (scale * history(3)).astype(np.float32)
    with torch.no_grad():
        expected = student(torch.from_numpy(csi)).numpy()
    found = run_in_pieces(engines[name], csi)
    assert 20 * np.log10(deviation(found, expected)) < get_target(name).promise.agreement_db


@settings(max_examples=10, deadline=None)
@given(exponent=st.floats(-8, 4), seed=st.integers(0, 1000))
def test_scale_equivariance(engines, history, name, exponent, seed):
    csi, scale = history(1, seed), np.float32(10**exponent)
    found, wanted = run_in_pieces(engines[name], scale * csi), scale * run_in_pieces(engines[name], csi)
    assert deviation(found, wanted) < allowed_deviation(name)


@settings(max_examples=10, deadline=None)
@given(users=st.integers(2, 5), seed=st.integers(0, 1000))
def test_batch_invariance(engines, history, name, users, seed):
    csi = history(users, seed)
    alone = np.concatenate([run_in_pieces(engines[name], csi[i : i + 1]) for i in range(users)])
    assert deviation(run_in_pieces(engines[name], csi), alone) < allowed_deviation(name)


def test_a_user_without_power_gets_zeros_and_spoils_nobody(engines, history, name):
    csi = history(3)
    wanted = run_in_pieces(engines[name], csi)
    csi[1] = 0
    found = run_in_pieces(engines[name], csi)
    assert not found[1].any()
    assert deviation(found[::2], wanted[::2]) < allowed_deviation(name)
