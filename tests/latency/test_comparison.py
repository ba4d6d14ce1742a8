import numpy as np
import pytest

from edgecsi.latency.comparison import compare, student_t
from edgecsi.latency.report_schema import Setting

SETTING = Setting(users=1, threads=1)


def rounds(rng, starts, median, drift=None):
    """[start][round] of 200 calls: lognormal around `median`, every start a few percent off."""
    drift = np.ones(8) if drift is None else drift
    return [
        [median * factor * offset * rng.lognormal(sigma=0.1, size=200) for factor in drift]
        for offset in rng.lognormal(sigma=0.03, size=starts)
    ]


def ratio(a, b):
    return compare("a", "b", SETTING, a, b, 0.5, "p50")


def test_interval_holds_the_true_ratio_in_95_of_100_runs():
    rng = np.random.default_rng(0)
    entries = [ratio(rounds(rng, 5, 130.0), rounds(rng, 5, 100.0)) for _ in range(200)]
    covered = np.mean([entry.low <= 1.3 <= entry.high for entry in entries])
    assert 0.9 <= covered <= 0.99


def test_a_drift_that_hits_both_alike_cancels():
    rng = np.random.default_rng(1)
    drift = np.linspace(1, 3, 8)
    entry = ratio(rounds(rng, 5, 200.0, drift), rounds(rng, 5, 100.0, drift))
    assert entry.low <= 2.0 <= entry.high
    assert entry.high / entry.low < 1.2


def test_with_few_starts_rounds_are_the_samples():
    rng = np.random.default_rng(2)
    entry = ratio(rounds(rng, 1, 100.0), rounds(rng, 1, 100.0))
    assert (entry.samples, entry.sampled) == (8, "rounds")


@pytest.mark.parametrize("rounds", [1, 2])
def test_fewer_than_three_samples_have_no_interval(rounds):
    entry = ratio([[np.array([2.0])] * rounds], [[np.array([1.0])] * rounds])
    assert (entry.ratio, entry.low, entry.high) == (pytest.approx(2.0), None, None)


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (4, 2.776), (10, 2.228), (30, 2.131)])
def test_student_t(freedom, quantile):
    assert student_t(freedom) == quantile
