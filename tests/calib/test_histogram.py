"""The streaming histogram: what one look at all the data would give."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.calib.histogram import BINS, MagnitudeHistogram


def values(seed, size=1000, scale=1.0):
    return (scale * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


def histogram(*batches):
    found = MagnitudeHistogram()
    for batch in batches:
        found.add(batch)
    return found


@given(st.integers(0, 99), st.floats(1e-12, 1e12), st.lists(st.integers(1, 999), max_size=5))
def test_batches_and_their_order_do_not_matter(seed, scale, cuts):
    data = values(seed, scale=scale)
    batches = [batch for batch in np.split(data, sorted(cuts)) if len(batch)]
    once, forwards, backwards = histogram(data), histogram(*batches), histogram(*batches[::-1])
    for other in (forwards, backwards):
        assert np.array_equal(once.counts, other.counts)
        assert (once.limit, once.peak) == (other.limit, other.peak)


@given(st.integers(0, 99), st.floats(1e-12, 1e12))
def test_counts_are_numpys(seed, scale):
    data = values(seed, scale=scale)
    found = histogram(data)
    expected, _ = np.histogram(np.abs(data).astype(np.float64), BINS, (0, found.limit))
    assert np.abs(np.cumsum(found.counts) - np.cumsum(expected)).max() <= 1  # a value on an edge
    assert found.peak == np.abs(data).max()
    assert found.limit / 2 < found.peak <= found.limit


def test_a_constant_is_told_from_what_changes():
    assert histogram(np.full(5, 2, np.float32), np.full(3, 2, np.float32)).is_constant
    assert not histogram(np.full(5, 2, np.float32), np.full(3, -2, np.float32)).is_constant
