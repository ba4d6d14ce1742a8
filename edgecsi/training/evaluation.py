"""NMSE of a network (or any predictor) on users of a dataset, streamed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgecsi.channel import Dataset
from edgecsi.csi import to_complex, to_interleaved
from edgecsi.metrics import NmseReport, nmse_report, user_energies
from edgecsi.training.batches import Augmentation

ComplexPredictor = Callable[[NDArray[np.complex64]], NDArray[np.complex64]]


def network_predictor(network: nn.Module) -> ComplexPredictor:
    """A torch network as a function of complex arrays, without gradients, in FP32."""
    device = next(network.parameters()).device

    def predict(history: NDArray[np.complex64]) -> NDArray[np.complex64]:
        with torch.inference_mode():
            future = network(torch.from_numpy(to_interleaved(history)).to(device))
        return to_complex(future.float().cpu().numpy())

    return predict


class Remembering:
    """A predictor that keeps what it predicted, in the order of its calls."""

    def __init__(self, predict: ComplexPredictor) -> None:
        self._predict, self._pieces = predict, []

    def __call__(self, history: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """As the predictor itself."""
        self._pieces.append(self._predict(history))
        return self._pieces[-1]

    @property
    def predictions(self) -> NDArray[np.complex64]:
        """All of them: complex64 [user, antenna, P, K]."""
        return np.concatenate(self._pieces)


def evaluate(
    predict: ComplexPredictor,
    dataset: Dataset,
    users: NDArray[np.int64],
    augmentation: Augmentation | None = None,
    batch_users: int = 8,
) -> NmseReport:
    """NMSE report of `predict` on these users, clean history unless an augmentation says otherwise."""
    augmentation = augmentation or Augmentation()
    energies = []
    for first in range(0, len(users), batch_users):
        some = users[first : first + batch_users]
        history = augmentation(dataset.history(some), some, draw=0)
        energies.append(user_energies(predict(history), dataset.future(some)))
    error, signal = (np.concatenate(parts) for parts in zip(*energies, strict=True))
    return nmse_report(error, signal, dataset.speed_kmh[users])
