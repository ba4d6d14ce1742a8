"""The processes that train together: one, or those that `torchrun` started."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator, PartialState

from edgecsi.logs import LOGGER

SETTINGS = "ACCELERATE_"  # what `accelerate launch` and cluster profiles export begins so


def process_group() -> PartialState:
    """This process among the others, and the device that it trains on."""
    _drop_settings()
    return PartialState(cpu=_only_cpu())


def make_accelerator() -> Accelerator:
    """accelerate's wrapper of models and optimizers for this process; precision is the options' affair."""
    _drop_settings()
    return Accelerator(cpu=_only_cpu(), mixed_precision="no")


def _drop_settings() -> None:
    """What trains is what was asked for: accelerate's own variables would change it without a word.

    RANK, WORLD_SIZE, MASTER_ADDR and the like, which say who trains together, stay.
    """
    found = sorted(name for name in os.environ if name.startswith(SETTINGS))
    for name in found:
        del os.environ[name]
    if found and os.environ.get("RANK", "0") == "0":
        LOGGER.warning(f"{', '.join(found)}: not used; what trains is what the options say")


def _only_cpu() -> bool:
    # Must be said: accelerate ignores torchrun where there is no GPU, and every process would train alone.
    return not torch.accelerator.is_available()
