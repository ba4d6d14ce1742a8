import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.metrics import Energies
from edgecsi.runtime import Precision
from edgecsi.runtime.limits import (
    agreement_limits,
    beyond_rounding,
    invariance_limits,
    last_bits,
    repeat_limits,
    resolution,
)
from edgecsi.tasks import TASKS

FP32 = Precision("", agreement_db=-60, invariance_db=-80)
STUDENT = (-140.0, -75.0, -30.0)  # an exact student, and one whose equations amplify rounding


def test_the_students_own_distance_widens_every_limit_that_is_tighter():
    assert agreement_limits(FP32, STUDENT).tolist() == [-60, -60, -20]
    assert invariance_limits(FP32, STUDENT).tolist() == [-80, -65, -20]


def test_elsewhere_an_engine_is_held_to_what_was_measured_of_it():
    assert repeat_limits(STUDENT, (-130, -60, -70)).tolist() == [-110, -50, -20]


def test_users_are_told_apart_down_to_the_tasks_resolution_or_their_own_rounding():
    csi = TASKS.get("csi")
    np.testing.assert_allclose(resolution(csi, STUDENT), [csi.resolution, csi.resolution, 1e-3])


def test_last_bits_moves_every_number_to_a_neighbour():
    values = np.random.default_rng(0).standard_normal((2, 50)).astype(np.float32)
    moved = last_bits(values, 3)

    assert (moved.shape, moved.dtype) == ((3, 2, 50), np.float32)
    for one in moved:
        up, down = (np.nextafter(values, np.float32(end)) for end in (np.inf, -np.inf))
        assert ((one == up) | (one == down)).all()
        assert 20 < (one == up).sum() < 80
    assert not np.array_equal(moved[0], moved[1])
    np.testing.assert_array_equal(last_bits(values, 3), moved)


def energies(nmse):
    return Energies(np.array(nmse, float)[:, None], np.ones((len(nmse), 1)))


@pytest.mark.parametrize(
    ("before", "after", "student_db", "left"),
    [
        (0.01, 0.02, -200.0, 0.02),  # nothing to subtract
        (0.01, 0.0101, -60.0, 0.01),  # 2 sqrt(0.01 * 1e-6) is 2e-4
        (0.01, 0.0099, -60.0, 0.01),  # a gain is no more real
        (0.01, 0.02, -60.0, 0.02 - 2e-4 - 1e-6),
        (0.01, 0.0, -60.0, 0.0),  # exact
    ],
)
def test_what_rounding_may_have_changed_is_left_out(before, after, student_db, left):
    found = beyond_rounding(energies([after]), energies([before]), [student_db])
    assert found.ratios[0] == pytest.approx(left, rel=1e-9)


@given(angle=st.floats(0, np.pi), distance=st.floats(1e-6, 1), error=st.floats(1e-3, 1))
def test_no_prediction_within_the_distance_loses_anything(angle, distance, error):
    """In a plane: the truth, the student `error` away from it, the engine `distance` from the student."""
    truth, student = np.array([[1.0 + 0j]]), np.array([[1.0 + error * np.exp(1j * angle)]])
    for direction in np.exp(2j * np.pi * np.linspace(0, 1, 7)):
        engine = student + direction * distance * min(1.0, abs(student[0, 0])) * 0.999
        found = beyond_rounding(
            Energies.of(engine, truth), Energies.of(student, truth), [20 * np.log10(distance)]
        )
        assert found.ratios[0] == pytest.approx(error**2, rel=1e-6)
