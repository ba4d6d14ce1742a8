"""Quantized graphs against the FP32 graph, on held-out users."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.graph_session import GraphSession
from edgecsi.calib.quantization_loss import LevelLoss, QuantizationLoss
from edgecsi.metrics import Energies, loss, to_db
from edgecsi.users import CLEAN


class GraphComparison:
    """Compares graphs with the FP32 graph, whose outputs on the held-out users it keeps in memory."""

    def __init__(self, graph: bytes, calibration: CalibrationSet) -> None:
        self._calibration = calibration
        self._references = {snr: self._predictions(graph, snr) for snr in calibration.snr_levels_db}

    def compare(self, quantized: bytes) -> QuantizationLoss:
        """Run a quantized graph on the held-out users."""
        task, levels, errors = self._calibration.task, [], []
        for snr, references in self._references.items():
            after, before, deviations, labels = [], [], [], []
            predictions = self._predictions(quantized, snr)
            for prediction, reference, users in zip(
                predictions, references, self._calibration.held_out_users(snr), strict=True
            ):
                after.append(task.energies(prediction, users.targets))
                before.append(task.energies(reference, users.targets))
                deviations.append(task.energies(prediction, reference))
                labels.append(task.worst_grouping.labels(users.columns))
            levels.append(
                level_loss(snr, Energies.join(after), Energies.join(before), np.concatenate(labels))
            )
            deviation = Energies.join(deviations)
            errors.append(float(deviation.error.sum() / deviation.signal.sum()))
        return QuantizationLoss(relative_error_db=to_db(max(errors)), levels=levels)

    def _predictions(self, graph: bytes, snr_db: float) -> list[NDArray[Any]]:
        task = self._calibration.task
        session = GraphSession(graph, task, threads=len(os.sched_getaffinity(0)))
        return [
            task.target.from_engine(session.run(users)[0])
            for users in self._calibration.held_out_users(snr_db)
        ]


def level_loss(snr_db: float, after: Energies, before: Energies, labels: NDArray[np.str_]) -> LevelLoss:
    """Loss at one level of SNR. after, before: of the quantized and the FP32 graph; labels: row [user]."""
    found = loss(after, before, labels)
    return LevelLoss(
        snr_db=None if snr_db == CLEAN else snr_db,
        nmse_loss_db=found.overall_db,
        worst_group_loss_db=found.worst_db,
        worst_group=found.worst_row,
    )
