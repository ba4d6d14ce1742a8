"""The test users of a dataset: never trained on, and the same for every proof."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import GoldenSet
from edgecsi.channel import Dataset, split
from edgecsi.pipeline.proof import Case

GOLDEN_USERS = 8
BATCH_USERS = 8


def test_users(dataset: Dataset) -> NDArray[np.int64]:
    """Indices of the test users, split by drop."""
    return split(dataset).test


def test_cases(dataset: Dataset, student: NDArray[np.complex64]) -> Iterator[Case]:
    """All test users in batches. student: its predictions for the test users, in their order."""
    users = test_users(dataset)
    for first in range(0, len(users), BATCH_USERS):
        some = users[first : first + BATCH_USERS]
        yield Case(
            dataset.history(some),
            np.array(student[first : first + BATCH_USERS]),
            dataset.future(some),
            dataset.speed_kmh[some],
        )


def golden_set(dataset: Dataset, student: NDArray[np.complex64]) -> GoldenSet:
    """A few test users, evenly over the speeds."""
    users = test_users(dataset)
    by_speed = np.argsort(dataset.speed_kmh[users], kind="stable")
    chosen = by_speed[np.linspace(0, len(users) - 1, min(GOLDEN_USERS, len(users))).astype(int)]
    some = users[chosen]
    return GoldenSet(
        history=dataset.history(some),
        student=np.array(student[chosen]),
        truth=dataset.future(some),
        speed_kmh=dataset.speed_kmh[some].astype(np.float32),
    )
