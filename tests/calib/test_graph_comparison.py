"""What the loss of a quantized graph is taken from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.calib.graph_comparison import GraphComparison, level_loss
from edgecsi.metrics import Energies
from edgecsi.tasks import TASKS
from edgecsi.users import CLEAN


def loss(before_db, added_db, speeds=None):
    """The loss where quantization adds the same error to users that are predicted that well."""
    before, added = 10 ** (np.array(before_db)[:, None] / 10), 10 ** (added_db / 10)
    speed = np.full(len(before), 10.0) if speeds is None else np.array(speeds)
    signal, grouping = np.ones_like(before), TASKS.get("csi").worst_grouping
    labels = grouping.labels({grouping.column: speed})
    return level_loss(CLEAN, Energies(before + added, signal), Energies(before, signal), labels)


def test_the_loss_of_a_speed_is_that_of_the_mean_of_its_users():
    found = loss([-30, -30, -10, -10], added_db=-30, speeds=[10, 10, 90, 90])
    assert found.worst_group_loss_db == pytest.approx(10 * np.log10(2))
    assert found.nmse_loss_db < 0.1


def test_the_worst_speed_is_named():
    found = loss([-10, -10, -30, -30], added_db=-30, speeds=[90, 90, 10, 10])
    assert found.worst_group == "10"


@given(st.lists(st.floats(-40, 0), min_size=1, max_size=12), st.floats(-60, -20))
def test_the_loss_at_the_worst_speed_is_never_below_that_over_all_users(before_db, added_db):
    found = loss(before_db, added_db)
    assert found.worst_group_loss_db >= found.nmse_loss_db - 1e-9


def test_the_graph_itself_loses_nothing_at_any_level(graph, calibration):
    found = GraphComparison(graph, calibration).compare(graph)
    assert found.relative_error_db == -200
    assert [(level.snr_db, level.nmse_loss_db, level.worst_group_loss_db) for level in found.levels] == [
        (None, 0, 0),
        (20, 0, 0),
    ]
