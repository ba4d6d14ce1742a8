"""The test users of a dataset: never trained on, the same for every proof, as they are and with noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecsi.tasks import Task
from edgecsi.users import Users

if TYPE_CHECKING:
    from edgecsi.channel import Dataset
    from edgecsi.training import Augmentation

AS_GIVEN = "as given"
BATCH_USERS = 8
GOLDEN_PER_ROW = 1  # golden users of each row of the first grouping and each condition
GOLDEN_AT_LEAST = 8  # of each condition, where there are as many test users


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


def golden_users(dataset: Dataset, students: Mapping[str, NDArray[np.generic]]) -> Users:
    """Test users of every row of the first grouping, under every condition, with the student's predictions.

    students: condition -> its predictions for the test users, in their order.
    """
    users = indices_under_test(dataset)
    chosen = golden_positions(dataset, users)
    parts = []
    for condition in conditions(dataset.task):
        part = dataset.users(users[chosen], condition.augmentation())
        parts.append(
            Users(part.inputs, part.targets, part.columns, np.array(students[condition.name][chosen]))
        )
    return Users.join(parts)


def golden_positions(dataset: Dataset, users: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of these users are golden: some of every row of the first grouping, evenly over its column."""
    grouping = dataset.task.worst_grouping
    column = dataset.columns(users)[grouping.column]
    labels = grouping.labels({grouping.column: column})
    found = [np.flatnonzero(labels == row)[:GOLDEN_PER_ROW] for row in sorted(set(labels))]
    by_value = np.argsort(column, kind="stable")
    evenly = by_value[np.linspace(0, len(users) - 1, min(GOLDEN_AT_LEAST, len(users))).astype(int)]
    rows = np.concatenate(found)
    more = evenly[: max(0, GOLDEN_AT_LEAST - len(rows))] if len(rows) < GOLDEN_AT_LEAST else evenly[:0]
    return np.unique(np.concatenate([rows, more]))
