import numpy as np
import pytest

from edgecsi.latency.percentiles import PERCENTILES, bound, fails, minimum_calls, passes, rank


@pytest.mark.parametrize(
    ("p", "calls"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.999, 6636), (0.99999, 663833)]
)
def test_smallest_count_that_supports_a_percentile(p, calls):
    assert minimum_calls(p) == calls
    assert rank(calls - 1, p) is None


@pytest.mark.parametrize(("p", "t"), [(0.5, 4883), (0.9, 930), (0.95, 449), (0.99, 77), (0.999, 2)])
def test_rank_in_ten_thousand_calls(p, t):
    assert rank(10_000, p) == t


def test_bound_is_refused_when_the_count_is_too_small():
    assert bound(np.arange(661.0), 0.99) is None
    assert bound(np.arange(662.0), 0.99) == 661.0  # the slowest


def test_bound_covers_the_true_percentile_in_99_of_100_runs():
    rng = np.random.default_rng(0)
    true_p99 = -np.log(0.01)  # of the exponential distribution
    covered = [bound(np.sort(rng.exponential(size=2000)), 0.99) >= true_p99 for _ in range(1000)]
    assert np.mean(covered) >= 0.98


@pytest.mark.parametrize("p", PERCENTILES.values())
def test_no_count_of_misses_both_passes_and_fails(p):
    for n in (10, 700, 7000):
        decided = [(passes(misses, n, p), fails(misses, n, p)) for misses in range(0, n, max(1, n // 50))]
        assert (True, True) not in decided


def test_few_calls_leave_p999_undecided_but_many_misses_fail_it():
    assert not passes(0, 1000, 0.999)
    assert not fails(1, 1000, 0.999)
    assert fails(20, 1000, 0.999)
    assert passes(0, 6636, 0.999)
