"""Reports, losses and goals, against numbers worked out by hand."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from edgecsi.metrics import Energies, Goal, Report, label_order, loss, missed

LABELS = np.array(["10", "100", "10", "20"])


def energies(ratios, steps=1):
    """Users of signal one per step and these NMSEs."""
    error = np.repeat(np.array(ratios, float)[:, None], steps, axis=1)
    return Energies(error, np.ones_like(error))


def test_a_report_has_everybody_every_group_and_every_step():
    error = np.array([[0.01, 0.1], [0.03, 0.3]])
    report = Report.of(Energies(error, np.ones((2, 2))), {"speed_kmh": np.array(["100", "20"])})
    assert report.users == 2
    assert report.mean_db == pytest.approx(10 * math.log10((0.055 + 0.165) / 2))
    assert report.steps_db == pytest.approx([10 * math.log10(0.02), 10 * math.log10(0.2)])
    assert list(report.groups["speed_kmh"]) == ["20", "100"]
    assert report.groups["speed_kmh"]["100"] == pytest.approx(10 * math.log10(0.055))


def test_a_loss_is_told_overall_and_in_the_worst_group():
    before = energies([0.1, 0.2, 0.1, 0.4])
    found = loss(energies([0.1, 0.4, 0.1, 0.4]), before, LABELS)
    assert found.overall_db == pytest.approx(10 * math.log10(1.0 / 0.8))
    assert (found.worst_row, found.worst_db) == ("100", pytest.approx(10 * math.log10(2)))


def test_below_the_resolution_nothing_is_told_apart():
    before, after = energies([1e-9, 1e-9]), energies([1e-8, 1e-9])
    labels = np.array(["10", "20"])
    assert loss(after, before, labels).worst_db == pytest.approx(10)
    assert loss(after, before, labels, 1e-5).worst_db < 0.01
    assert loss(after, before, labels, np.array([0.0, 1e-5])).worst_db == pytest.approx(10)


def test_a_damaged_user_is_seen_in_its_group_though_not_overall():
    before = energies([1e-3] * 3 + [1e-6])
    found = loss(energies([1e-3] * 3 + [1e-4]), before, LABELS)
    assert found.overall_db < 0.2
    assert (found.worst_row, round(found.worst_db)) == ("20", 20)


def test_labels_are_ordered_as_people_do():
    assert label_order(["100", "slow", "20", "fast", "20"]) == ["20", "100", "fast", "slow"]


def goal(value, bound=0.1):
    return Goal.judge("nmse_loss_db", "engine", "student", "overall", "as given", bound, value)


@pytest.mark.parametrize(
    ("value", "met"),
    [(0.1, True), (-5.0, True), (0.11, False), (math.nan, False), (math.inf, False), (None, False)],
)
def test_a_goal_is_met_only_by_a_finite_value_within_the_bound(value, met):
    found = goal(value)
    assert found.met == met
    assert missed([found]) == ([] if met else [found])
    assert found.line.startswith("met: " if met else "MISSED: ")


def test_a_verdict_that_does_not_follow_from_its_value_is_refused():
    with pytest.raises(ValidationError, match="says otherwise"):
        Goal(**{**goal(0.5).model_dump(), "met": True})
