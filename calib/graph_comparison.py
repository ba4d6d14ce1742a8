"""Quantized graphs against the FP32 graph, on held-out users."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.graph_session import GraphSession
from edgecsi.calib.quantization_loss import LevelLoss, QuantizationLoss
from edgecsi.metrics import Energies, loss
from edgecsi.users import CLEAN, Users


class GraphComparison:
    """Compares graphs with the FP32 graph, whose outputs on the held-out users it keeps in memory."""

    def __init__(self, graph: bytes, calibration: CalibrationSet) -> None:
        self._calibration = calibration
        session = self._session(graph)
        self._levels = {snr: self._level(session, snr) for snr in calibration.snr_levels_db}

    def compare(self, quantized: bytes) -> QuantizationLoss:
        """Run a quantized graph on the held-out users."""
        session = self._session(quantized)
        levels, errors_db = [], []
        for snr, level in self._levels.items():
            after, deviations = self._energies(session, snr, level.references)
            levels.append(level_loss(snr, after, level.before, level.labels))
            errors_db.append(deviations.pooled_db())
        return QuantizationLoss(relative_error_db=max(errors_db), levels=levels)

    def _session(self, graph: bytes) -> GraphSession:
        return GraphSession(graph, self._calibration.task, threads=len(os.sched_getaffinity(0)))

    def _level(self, session: GraphSession, snr_db: float) -> _Level:
        """What the FP32 graph, in a session, gives at one level of SNR."""
        task, references, before, labels = self._calibration.task, [], [], []
        for users in self._calibration.held_out_users(snr_db):
            references.append(self._prediction(session, users))
            before.append(task.energies(references[-1], users.targets))
            labels.append(task.worst_grouping.labels(users.columns))
        return _Level(references, Energies.join(before), np.concatenate(labels))

    def _energies(
        self, session: GraphSession, snr_db: float, references: Sequence[NDArray[Any]]
    ) -> tuple[Energies, Energies]:
        """Of a graph's predictions against the truth, and against the FP32 graph's."""
        task, after, deviations = self._calibration.task, [], []
        batches = self._calibration.held_out_users(snr_db)
        for users, reference in zip(batches, references, strict=True):
            prediction = self._prediction(session, users)
            after.append(task.energies(prediction, users.targets))
            deviations.append(task.energies(prediction, reference))
        return Energies.join(after), Energies.join(deviations)

    def _prediction(self, session: GraphSession, users: Users) -> NDArray[Any]:
        return self._calibration.task.target.from_engine(session.run(users)[0])


@dataclass(frozen=True)
class _Level:
    """The FP32 graph on the held-out users at one level of SNR.

    references: its predictions, per batch. before: their energies. labels: row [user].
    """

    references: Sequence[NDArray[Any]]
    before: Energies
    labels: NDArray[np.str_]


def level_loss(snr_db: float, after: Energies, before: Energies, labels: NDArray[np.str_]) -> LevelLoss:
    """Loss at one level of SNR. after, before: of the quantized and the FP32 graph; labels: row [user]."""
    found = loss(after, before, labels)
    return LevelLoss(
        snr_db=None if snr_db == CLEAN else snr_db,
        nmse_loss_db=found.overall_db,
        worst_group_loss_db=found.worst_db,
        worst_group=found.worst_row,
    )
