"""The training loop, on accelerate: one process or several, resumable, logged.

What is imported here needs no torch.
"""

from edgecsi.training.augmentation import Augmentation
from edgecsi.training.options import NetworkChoice, TrainOptions

__all__ = ["Augmentation", "NetworkChoice", "TrainOptions"]
