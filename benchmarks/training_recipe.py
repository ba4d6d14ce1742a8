"""What the training scripts give every network alike: channels, noise, and options of equal length."""

from __future__ import annotations

from typing import Any

from edgecsi.training import Augmentation, TrainOptions

DATA_SEED = 11
SNR_DB, CLEAN_SHARE = (5.0, 25.0), 0.34
NEW_EVERY_EPOCH = 1000  # draws


def noise(draws: int = NEW_EVERY_EPOCH, seed: int = 0) -> Augmentation:
    """Histories of 5-25 dB SNR, and a share of clean ones."""
    return Augmentation(SNR_DB, draws, seed, CLEAN_SHARE)


def equal_options(epochs: int, **more: Any) -> TrainOptions:
    """Options that train for all `epochs`, so that rows of a table can be compared."""
    return TrainOptions(**{"batch_users": 16, "batch_antennas": 8} | more, epochs=epochs, patience=epochs)
