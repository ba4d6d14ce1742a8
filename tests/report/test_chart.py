import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.report.chart import Axis, Chart, linear_axis, log_axis, nines_axis

POSITIVE = st.floats(1e-3, 1e6)


@given(POSITIVE, st.floats(1.0, 1e4))
def test_a_log_axis_spans_its_values_in_order(low, factor):
    axis = log_axis("ms", low, low * factor)
    assert 0 < axis.place(low) <= axis.place(low * factor) < 1


@given(st.floats(-100, 100), st.floats(0.01, 500))
def test_a_linear_axis_has_round_ticks_around_its_values(low, span):
    axis = linear_axis("dB", low, low + span)
    assert 2 <= len(axis.ticks) <= 9
    assert axis.ticks[0][0] <= low + 1e-9
    assert axis.ticks[-1][0] >= low + span - 1e-9


def test_a_nines_axis_spaces_nines_evenly():
    axis = nines_axis("share", 0.999)
    steps = [axis.place(share) for share in (0.0, 0.9, 0.99, 0.999)]
    assert [b - a for a, b in pairwise(steps)] == pytest.approx([1 / 3] * 3)


def test_values_beyond_an_axis_stay_on_its_edge():
    axis = Axis("x", 1, 10, [], math.log10)
    assert (axis.place(0.1), axis.place(100)) == (0.0, 1.0)


def test_a_chart_names_its_curves_limits_and_points():
    chart = Chart("title", log_axis("ms", 1, 10), linear_axis("dB", -20, -10))
    chart.limit(5, "slot")
    chart.level(-15, "goal")
    chart.curve([(1, -10), (10, -20)], "engine", 0, dots=True)
    chart.dot((2, -12), "point", 1)
    text = "".join(chart.figure().itertext())
    assert all(name in text for name in ("title", "ms", "dB", "slot", "goal", "engine", "point"))
