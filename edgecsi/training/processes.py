"""The processes that train together: one, or those that `torchrun` started."""

from __future__ import annotations

import torch
from accelerate import Accelerator, PartialState


def process_group() -> PartialState:
    """This process among the others, and the device that it trains on."""
    return PartialState(cpu=_only_cpu())


def make_accelerator() -> Accelerator:
    """accelerate's wrapper of models and optimizers for this process."""
    return Accelerator(cpu=_only_cpu())


def _only_cpu() -> bool:
    # Must be said: accelerate ignores torchrun where there is no GPU, and every process would train alone.
    return not torch.accelerator.is_available()
