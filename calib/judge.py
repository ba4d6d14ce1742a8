"""Judging quantized graphs against the FP32 graph, on held-out users."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edgecsi.calib.calibration_set import CLEAN, CalibrationSet
from edgecsi.calib.judgement import Judgement, NmseLoss
from edgecsi.csi import to_complex, to_interleaved
from edgecsi.export.builders.ort import NO_OVERFLOW
from edgecsi.metrics import nmse_report, user_energies
from edgecsi.metrics.nmse import FLOOR_DB


class Judge:
    """Compares graphs with the FP32 graph, whose outputs on the held-out users it keeps in memory."""

    def __init__(self, graph: bytes, calibration: CalibrationSet) -> None:
        self._calibration = calibration
        self._references = {snr: self._outputs(graph, snr) for snr in calibration.snr_levels_db}

    def judge(self, quantized: bytes) -> Judgement:
        """Run a quantized graph on the held-out users."""
        losses, errors = [], []
        for snr, references in self._references.items():
            parts = []
            outputs = self._outputs(quantized, snr)
            for output, reference, rows in zip(
                outputs, references, self._calibration.held_out_rows(snr), strict=True
            ):
                parts.append(
                    (
                        *user_energies(output, rows.future),
                        user_energies(reference, rows.future)[0],
                        *user_energies(output, reference),
                        rows.speed_kmh,
                    )
                )
            error, signal, before, deviation, energy, speed = map(np.concatenate, zip(*parts, strict=True))
            losses.append(_loss(snr, error, before, signal, speed))
            errors.append(deviation.sum() / energy.sum())
        worst = max(errors)
        return Judgement(relative_error_db=10 * np.log10(worst) if worst > 0 else FLOOR_DB, losses=losses)

    def _outputs(self, graph: bytes, snr_db: float) -> list[NDArray[np.complex64]]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.add_session_config_entry(*NO_OVERFLOW)
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return [
            to_complex(session.run(None, {"csi_history": to_interleaved(rows.history)})[0])
            for rows in self._calibration.held_out_rows(snr_db)
        ]


def _loss(
    snr_db: float,
    error: NDArray[np.float64],
    before: NDArray[np.float64],
    signal: NDArray[np.float64],
    speed_kmh: NDArray[np.float32],
) -> NmseLoss:
    """error, before, signal: energies [user], quantized and FP32 error."""
    after, reference = nmse_report(error, signal, speed_kmh), nmse_report(before, signal, speed_kmh)
    by_speed = {speed: value - reference.per_speed_db[speed] for speed, value in after.per_speed_db.items()}
    worst = max(by_speed, key=by_speed.__getitem__)
    return NmseLoss(
        snr_db=None if snr_db == CLEAN else snr_db,
        nmse_loss_db=after.nmse_mean_db - reference.nmse_mean_db,
        worst_speed_loss_db=by_speed[worst],
        worst_speed_kmh=worst,
    )
