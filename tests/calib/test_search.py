"""The search for mixed precision, over operators whose errors add up."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.calib.candidates import Candidate
from edgecsi.calib.quantization_loss import LevelLoss, QuantizationLoss
from edgecsi.calib.search import choose, meets
from edgecsi.metrics import GoalBounds

BOUNDS = GoalBounds(max_nmse_loss_db=0.05, max_worst_speed_loss_db=0.1)
STUDENT_DB = (-13.0, -20.0)  # overall, and at the most predictable speed


def operator(i, multiplications=1000):
    return Candidate(f"node{i}", f"layer{i}", "MatMul", f"input{i}", multiplications)


def loss(error_db):
    """What independent errors of that size cost a student of STUDENT_DB."""
    overall, worst = (10 * np.log10(1 + 10 ** ((error_db - student) / 10)) for student in STUDENT_DB)
    level = LevelLoss(snr_db=None, nmse_loss_db=overall, worst_group_loss_db=worst, worst_group="10")
    return QuantizationLoss(relative_error_db=error_db, levels=[level])


def search(errors_db):
    """The operators chosen where each has that error alone, and what they lose together."""
    errors = {operator(i): 10 ** (error / 10) for i, error in enumerate(errors_db)}

    def lost(chosen):
        return loss(10 * np.log10(sum(errors[o] for o in chosen)))

    found = choose(lost, {o: lost([o]) for o in errors}, BOUNDS)
    return found, lost, errors


@given(st.lists(st.floats(-70, -20), min_size=1, max_size=15))
def test_the_choice_meets_the_goals_and_nothing_can_be_added(errors_db):
    found, lost, errors = search(errors_db)
    if found is None:
        assert not any(meets(lost([o]), BOUNDS) for o in errors)
        return
    assert meets(found.together, BOUNDS)
    assert found.together == lost(found.quantized)
    left = [o for o in errors if o not in found.quantized]
    assert not any(meets(lost([*found.quantized, o]), BOUNDS) for o in left)


def test_what_is_harmless_stays_in_int8_and_what_is_not_does_not():
    found, _, _ = search([-60, -22, -55, -29])
    assert {o.label for o in found.quantized} == {"layer0", "layer2"}


def test_nothing_fits():
    assert search([-20, -25])[0] is None


def test_of_two_that_are_equally_sensitive_the_larger_is_quantized():
    small, large = operator(0, 1000), operator(1, 3000)

    def lost(chosen):
        return loss(-40 + 10 * np.log10(len(chosen)))

    found = choose(lost, {small: lost([small]), large: lost([large])}, BOUNDS)
    assert found.quantized == (large,)


def test_a_bound_that_is_not_asked_for_is_no_limit():
    free = GoalBounds(max_nmse_loss_db=None, max_worst_speed_loss_db=None)
    dear = loss(-40).model_copy(
        update={"levels": [LevelLoss(snr_db=None, nmse_loss_db=9, worst_group_loss_db=9, worst_group="10")]}
    )
    assert meets(dear, free)
    assert not meets(dear, BOUNDS)
    assert not meets(loss(-30), free)  # the relative error is always held
