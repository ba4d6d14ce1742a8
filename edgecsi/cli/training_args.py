"""From command-line values to training options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecsi.training import TrainOptions
    from edgecsi.training.stage import TrainingData


def training_args(data: Path, seed: int, values: dict[str, Any]) -> tuple[TrainingData, TrainOptions]:
    """Split the values of :func:`edgecsi.cli.options.training` into data and options."""
    from edgecsi.training import Augmentation, TrainOptions
    from edgecsi.training.stage import TrainingData

    names = ("noise_draws", "snr_db", "max_users", "clean_share")
    draws, snr_db, max_users, clean_share = (values.pop(name) for name in names)
    augmentation = Augmentation(snr_db, draws if snr_db else 1, seed, clean_share)
    return TrainingData(data, max_users, augmentation), TrainOptions(**values, seed=seed)
