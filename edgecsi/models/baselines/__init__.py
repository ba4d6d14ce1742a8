"""Predictors that need no training, and that every accuracy table shows beside the networks."""

from edgecsi.models.baselines.baseline import BASELINES, Baseline, Predict

__all__ = ["BASELINES", "Baseline", "Predict"]
