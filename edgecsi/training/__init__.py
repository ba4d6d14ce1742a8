"""The training loop, on accelerate: one process or several, resumable, logged."""

from edgecsi.training.batches import Augmentation, Batch, BatchSource
from edgecsi.training.evaluation import evaluate
from edgecsi.training.loop import TrainOptions, fit

__all__ = ["Augmentation", "Batch", "BatchSource", "TrainOptions", "evaluate", "fit"]
