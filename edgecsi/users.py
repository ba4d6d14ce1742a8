"""Some users: what every room hands on when it hands on channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CLEAN = float("inf")  # `snr_db` of a history without added noise


@dataclass(frozen=True)
class Users:
    """n users of one task.

    inputs: what a predictor sees, [n, *input axes] in the task's dtype. targets: the truth, alike. columns:
    facts per user by name, [n] each, as speed_kmh and snr_db (:data:`CLEAN`: no noise was added). student:
    what the student predicts for these inputs, [n, *target axes]; None where nobody asked.
    """

    inputs: NDArray[np.generic]
    targets: NDArray[np.generic]
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    student: NDArray[np.generic] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, chosen: slice | NDArray[np.generic]) -> Users:
        """Some of them, by a slice, indices or a mask."""
        columns = {name: column[chosen] for name, column in self.columns.items()}
        student = None if self.student is None else self.student[chosen]
        return Users(self.inputs[chosen], self.targets[chosen], columns, student)

    def pieces(self, size: int) -> Iterator[Users]:
        """At most `size` of them at a time."""
        for first in range(0, len(self), size):
            yield self[first : first + size]

    @classmethod
    def join(cls, parts: Iterable[Users]) -> Users:
        """All users of parts with the same columns, in order."""
        parts = list(parts)
        names = parts[0].columns
        students = [part.student for part in parts if part.student is not None]
        return cls(
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.targets for part in parts]),
            {name: np.concatenate([part.columns[name] for part in parts]) for name in names},
            np.concatenate(students) if len(students) == len(parts) else None,
        )
