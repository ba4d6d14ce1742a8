"""The range methods, against what they are to minimise."""

from typing import get_args

import numpy as np
import pytest

from edgecsi.calib.histogram import MagnitudeHistogram
from edgecsi.calib.options import RangeMethod
from edgecsi.calib.ranges import LEVELS, RANGE_METHODS


@pytest.fixture(scope="module")
def data():
    """Gaussian with one far outlier: clipping pays."""
    return np.append(np.random.default_rng(0).standard_normal(200_000), 20).astype(np.float32)


@pytest.fixture(scope="module")
def thresholds(data):
    found = MagnitudeHistogram()
    found.add(data)
    return {name: method(found) for name, method in RANGE_METHODS.items()}


def error(data, threshold):
    step = threshold / LEVELS
    return np.mean((data - step * np.clip(np.round(data / step), -LEVELS, LEVELS)) ** 2)


def test_min_max_keeps_everything(thresholds):
    assert thresholds["min-max"] == 20


def test_percentile_leaves_one_in_ten_thousand_outside(data, thresholds):
    assert np.mean(np.abs(data) > thresholds["percentile"]) == pytest.approx(1e-4, rel=0.2)


def test_mse_is_the_least_error_of_any_threshold(data, thresholds):
    best = min(error(data, threshold) for threshold in np.linspace(1, 20, 400))
    assert error(data, thresholds["mse"]) <= 1.01 * best
    assert error(data, thresholds["min-max"]) > 1.5 * best


def test_entropy_clips_the_outlier_and_keeps_the_bulk(data, thresholds):
    assert np.quantile(np.abs(data), 0.99) < thresholds["entropy"] < 10


@pytest.mark.parametrize("name", RANGE_METHODS)
def test_a_range_scales_with_the_data(data, thresholds, name):
    found = MagnitudeHistogram()
    found.add(np.float32(2.0**-10) * data)
    assert RANGE_METHODS[name](found) == pytest.approx(thresholds[name] * 2.0**-10, rel=1e-6)


def test_every_method_that_can_be_asked_for_is_there():
    assert list(RANGE_METHODS) == list(get_args(RangeMethod))
