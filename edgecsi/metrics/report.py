"""How a predictor did: overall, per group and per step ahead; and what it loses against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from edgecsi.metrics.nmse import Energies, to_db

Labels = NDArray[np.str_]  # [user]: the row of each user in a table


class Report(BaseModel):
    """NMSE of one predictor on one set of users, in dB.

    standard_error_db: of mean_db, what drawing other users would change; None for a single one. groups:
    grouping (as speed_kmh) -> row label -> mean_db of the users in it. steps_db: of each step ahead.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    users: int
    mean_db: float
    standard_error_db: float | None = None
    pooled_db: float
    groups: dict[str, dict[str, float]]
    steps_db: list[float]

    @classmethod
    def of(cls, energies: Energies, labels: Mapping[str, Labels]) -> Report:
        """labels: grouping -> row label of every user."""
        return cls(
            users=len(energies),
            mean_db=energies.mean_db(),
            standard_error_db=energies.standard_error_db(),
            pooled_db=energies.pooled_db(),
            groups={
                name: {row: energies[column == row].mean_db() for row in label_order(column)}
                for name, column in labels.items()
            },
            steps_db=energies.steps_db(),
        )


@dataclass(frozen=True)
class Loss:
    """What a predictor loses against a reference, in dB: positive is worse. worst_row: of `worst_db`."""

    overall_db: float
    worst_db: float
    worst_row: str


def loss(
    energies: Energies, reference: Energies, labels: Labels, resolution: NDArray[np.float64] | float = 0.0
) -> Loss:
    """Loss of mean_db overall and in the worst group, on the same users.

    labels: row label of every user. resolution: NMSE [user], or one for all, below which nothing is told
    apart; it is added to both sides.
    """
    after, before = energies.ratios + resolution, reference.ratios + resolution

    def of(users: NDArray[np.bool_] | slice) -> float:
        return to_db(float(np.mean(after[users]))) - to_db(float(np.mean(before[users])))

    rows = {row: of(labels == row) for row in label_order(labels)}
    worst = max(rows, key=rows.__getitem__)
    return Loss(of(slice(None)), rows[worst], worst)


def label_order(labels: Labels | Sequence[str]) -> list[str]:
    """Distinct labels in the order of tables: numbers by value, then words."""

    def key(label: str) -> tuple[bool, float, str]:
        try:
            return False, float(label), label
        except ValueError:
            return True, 0.0, label

    return sorted({str(label) for label in labels}, key=key)
