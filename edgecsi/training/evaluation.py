"""How a network (or any predictor) does on users of a dataset, streamed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgecsi.channel import Dataset
from edgecsi.metrics import Energies, Report
from edgecsi.models.baselines.baseline import Predict
from edgecsi.tasks import Task
from edgecsi.training.augmentation import Augmentation

Array = NDArray[Any]


def network_predictor(network: nn.Module, task: Task) -> Predict:
    """A torch network as a function of a task's arrays, without gradients, in FP32."""
    device = next(network.parameters()).device

    def predict(inputs: Array) -> Array:
        with torch.inference_mode():
            targets = network(torch.from_numpy(task.input.to_engine(inputs)).to(device))
        return task.target.from_engine(targets.float().cpu().numpy())

    return predict


class Remembering:
    """A predictor that keeps what it predicted, in the order of its calls."""

    def __init__(self, predict: Predict) -> None:
        self._predict = predict
        self._pieces: list[Array] = []

    def __call__(self, inputs: Array) -> Array:
        """As the predictor itself."""
        self._pieces.append(self._predict(inputs))
        return self._pieces[-1]

    @property
    def predictions(self) -> Array:
        """All of them: [user, *target axes]."""
        return np.concatenate(self._pieces)


def evaluate(
    predict: Predict,
    dataset: Dataset,
    users: NDArray[np.int64],
    augmentation: Augmentation | None = None,
    batch_users: int = 8,
) -> Report:
    """Report of `predict` on these users, clean inputs unless an augmentation says otherwise."""
    task, energies = dataset.task, []
    for first in range(0, len(users), batch_users):
        some = dataset.users(users[first : first + batch_users], augmentation)
        energies.append(task.energies(predict(some.inputs), some.targets))
    return Report.of(Energies.join(energies), task.labels(dataset.columns(users)))
