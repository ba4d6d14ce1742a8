import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.latency.timing_summary import cdf, histogram, timing

TIMES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=300).map(np.array)


def test_one_millisecond_in_one_percent_of_calls_is_p99():
    times = np.full(10_000, 300.0)
    times[::100] = 1300.0
    found = timing(times)
    assert found.percentiles_us["p90"] == 300.0
    assert found.percentiles_us["p99"] == 1300.0
    assert found.max_us == 1300.0


def test_percentiles_that_the_count_cannot_support_say_what_they_need():
    found = timing(np.ones(700))
    assert list(found.percentiles_us) == ["p50", "p90", "p99"]
    assert found.refused == {"p99.9": 6636, "p99.999": 663833}


@given(TIMES)
def test_histogram_counts_every_call(times):
    counts, edges = histogram(times)
    assert sum(counts) == len(times)
    assert len(edges) == len(counts) + 1


@given(TIMES)
def test_cdf_rises_to_one_at_the_slowest_call(times):
    points = cdf(times)
    assert points == sorted(points)
    assert points[-1] == (times.max(), 1.0)
