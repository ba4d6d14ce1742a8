"""The test users of a dataset: never trained on, the same for every proof, as they are and with noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.tasks import Task
from edgecsi.users import Users

if TYPE_CHECKING:
    from edgecsi.channel import Dataset
    from edgecsi.training import Augmentation

AS_GIVEN = "as given"
BATCH_USERS = 8
GOLDEN_PER_ROW = 2  # golden users of each row of the first grouping, under each condition
GOLDEN_AT_LEAST = 8  # under each condition, where there are as many test users
TINY = 1e-20  # an NMSE that is none: its logarithm is a number


@dataclass(frozen=True)
class Condition:
    """What is done to the histories before anybody predicts. name: in manifests, as "20 dB SNR"."""

    name: str
    snr_db: float | None = None

    def augmentation(self) -> Augmentation:
        """The noise of this condition, the same for every predictor."""
        from edgecsi.training import Augmentation

        return Augmentation(self.snr_db)


def conditions(task: Task) -> list[Condition]:
    """Histories as the dataset gives them and, where the task has noise, with noise."""
    noisy = task.noisy_snr_db if task.add_noise else None
    return [Condition(AS_GIVEN), *([] if noisy is None else [Condition(noise_words(noisy), noisy)])]


def noise_words(snr_db: float) -> str:
    """A level of noise, in words."""
    return f"{snr_db:g} dB SNR"


def indices_under_test(dataset: Dataset) -> NDArray[np.int64]:
    """Indices of the test users, split by drop."""
    from edgecsi.channel import split

    return split(dataset).test


def batches_under_test(dataset: Dataset, condition: Condition) -> Iterator[Users]:
    """All test users in batches, under a condition."""
    users = indices_under_test(dataset)
    noise = condition.augmentation()
    for first in range(0, len(users), BATCH_USERS):
        yield dataset.users(users[first : first + BATCH_USERS], noise)


def golden_users(
    dataset: Dataset, students: Mapping[str, NDArray[Any]], nmse: Mapping[str, NDArray[np.float64]]
) -> Users:
    """Typical test users of every row of the first grouping, under every condition, with the student's word.

    students, nmse: condition -> what the student predicts for the test users, and its NMSE, in their order.
    """
    users = indices_under_test(dataset)
    grouping = dataset.task.worst_grouping
    labels = grouping.labels({grouping.column: dataset.columns(users)[grouping.column]})
    parts = []
    for condition in conditions(dataset.task):
        chosen = typical(labels, nmse[condition.name])
        part = dataset.users(users[chosen], condition.augmentation())
        student = np.array(students[condition.name][chosen])
        parts.append(Users(part.inputs, part.targets, part.columns, student))
    return Users.join(parts)


def typical(labels: NDArray[np.str_], nmse: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions of the users of every row whose NMSE is nearest to the row's mean: int64 [n], ascending.

    A user who is predicted much better than others alone shows losses that vanish in its row.
    """
    rows = sorted(set(labels))
    each = max(GOLDEN_PER_ROW, -(-GOLDEN_AT_LEAST // len(rows)))
    found = []
    for row in rows:
        places = np.flatnonzero(labels == row)
        mean = nmse[places].mean()
        distance = np.abs(np.log(np.maximum(nmse[places], TINY)) - np.log(max(mean, TINY)))
        found.append(places[np.argsort(distance, kind="stable")[:each]])
    return np.sort(np.concatenate(found))
