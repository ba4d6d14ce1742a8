"""What the verdict on a quantized graph is taken from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.calib.calibration_set import CLEAN
from edgecsi.calib.judge import _loss


def loss(before_db, added_db, speeds=None):
    """The verdict where quantization adds the same error to users that are predicted that well."""
    before, added = 10 ** (np.array(before_db) / 10), 10 ** (added_db / 10)
    speed = np.full(len(before), 10.0) if speeds is None else np.array(speeds)
    return _loss(CLEAN, before + added, before, np.ones(len(before)), speed)


def test_the_loss_of_a_speed_is_that_of_the_mean_of_its_users():
    found = loss([-30, -30, -10, -10], added_db=-30, speeds=[10, 10, 90, 90])
    assert found.worst_speed_loss_db == pytest.approx(10 * np.log10(2))
    assert found.nmse_loss_db < 0.1


def test_the_worst_speed_is_named():
    found = loss([-10, -10, -30, -30], added_db=-30, speeds=[90, 90, 10, 10])
    assert found.worst_speed_kmh == "10"


@given(st.lists(st.floats(-40, 0), min_size=1, max_size=12), st.floats(-60, -20))
def test_the_loss_at_the_worst_speed_is_never_below_that_over_all_users(before_db, added_db):
    found = loss(before_db, added_db)
    assert found.worst_speed_loss_db >= found.nmse_loss_db - 1e-9
