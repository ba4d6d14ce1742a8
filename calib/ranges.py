"""Where to clip an activation: the range methods, each from a histogram of magnitudes to a threshold.

INT8 is symmetric here: [-threshold, threshold] maps to -127..127 in steps of threshold / 127. A smaller
threshold clips the tail, a larger one rounds everything more coarsely.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgecsi.calib.histogram import BINS, MagnitudeHistogram
from edgecsi.calib.options import RangeMethod

LEVELS = 127  # positive INT8 levels
PERCENTILE = 99.99
CANDIDATES = 256  # thresholds that `mse` and `entropy` try


def min_max(histogram: MagnitudeHistogram) -> float:
    """The largest magnitude: nothing is clipped."""
    return histogram.peak


def percentile(histogram: MagnitudeHistogram) -> float:
    """The magnitude that 99.99 % of the values stay below."""
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    above = int(np.searchsorted(share, PERCENTILE / 100)) + 1
    return min(above * histogram.width, histogram.peak)


def mse(histogram: MagnitudeHistogram) -> float:
    """The threshold with the least mean squared error of rounding and clipping together."""
    centres = (np.arange(BINS) + 0.5) * histogram.width

    def error(threshold: float) -> float:
        step = threshold / LEVELS
        rounded = np.minimum(np.round(centres / step), LEVELS) * step
        return float(histogram.counts @ (centres - rounded) ** 2)

    return min(_candidates(histogram), key=error)


def entropy(histogram: MagnitudeHistogram) -> float:
    """The threshold whose quantized distribution diverges least (Kullback-Leibler) from the clipped one.

    Szymon Migacz, 8-bit Inference with TensorRT, GTC 2017.
    """
    used = int(np.flatnonzero(histogram.counts)[-1]) + 1

    def divergence(threshold: float) -> float:
        kept = min(max(round(threshold / histogram.width), LEVELS + 1), used)
        clipped = histogram.counts[:kept].astype(np.float64)
        quantized = _through_levels(clipped)
        clipped[-1] += histogram.counts[kept:].sum()
        return _divergence(clipped, quantized)

    return min(_candidates(histogram), key=divergence)


RANGE_METHODS: dict[RangeMethod, Callable[[MagnitudeHistogram], float]] = {
    "min-max": min_max,
    "percentile": percentile,
    "entropy": entropy,
    "mse": mse,
}


def _candidates(histogram: MagnitudeHistogram) -> NDArray[np.float64]:
    """Thresholds up to the peak, the peak first: it wins a tie."""
    return np.linspace(histogram.peak, histogram.peak / CANDIDATES, CANDIDATES)


def _through_levels(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The histogram as INT8 tells it apart: every level's count spread evenly over its bins that have any."""
    starts = np.linspace(0, len(counts), LEVELS + 1, endpoint=False).astype(int)
    level = np.searchsorted(starts, np.arange(len(counts)), side="right") - 1
    present = counts > 0
    total = np.bincount(level, counts, LEVELS + 1)
    bins = np.bincount(level, present, LEVELS + 1)
    return np.where(present, (total / np.maximum(bins, 1))[level], 0.0)


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence of the normalised histograms; infinite where q lacks what p has."""
    p, q = p / p.sum(), q / q.sum()
    held = p > 0
    if (q[held] == 0).any():
        return float("inf")
    return float(np.sum(p[held] * np.log(p[held] / q[held])))
