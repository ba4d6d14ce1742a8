"""What values the activations take: a graph run over a calibration set, one batch after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edgecsi.calib.calibration_set import CLEAN, CalibrationSet
from edgecsi.calib.candidates import Candidate
from edgecsi.calib.histogram import MagnitudeHistogram
from edgecsi.csi import to_interleaved
from edgecsi.errors import DataError
from edgecsi.export.graph import read_graph, write_graph
from edgecsi.progress import track


def activation_statistics(
    graph: bytes, calibration: CalibrationSet, operators: Sequence[Candidate]
) -> dict[str, MagnitudeHistogram]:
    """Histograms of the activations that `operators` multiply, by name; memory does not grow with the set.

    One thread computes, so that the same set gives the same bits however many there are. DataError for a set
    with a dead channel: an antenna or subcarrier on which no user has power, or a constant activation.
    """
    names = list(dict.fromkeys(operator.activation for operator in operators))
    session = _session(graph, names)
    histograms = {name: MagnitudeHistogram() for name in names}
    alive = np.zeros((calibration.shape.antennas, calibration.shape.subcarriers), bool)
    for rows in track(calibration.calibration_rows(), "calibration", calibration.batch_count):
        outputs = session.run(names, {"csi_history": to_interleaved(rows.history)})
        for (name, histogram), values in zip(histograms.items(), outputs, strict=True):
            if not np.isfinite(values).all():
                raise DataError(
                    f"{calibration.path}: {name} becomes NaN or infinite; is the student trained?"
                )
            histogram.add(values)
        # Noise has power on dead channels too: only clean users tell.
        alive |= (rows.history[rows.snr_db == CLEAN] != 0).any(axis=(0, 2))
    _check_channels(calibration, alive)
    for operator in operators:
        if histograms[operator.activation].is_constant:
            value = histograms[operator.activation].highest
            raise DataError(
                f"{calibration.path}: the input of {operator.label} is {value:g} for every user, so the "
                "set says nothing about its range; sample more users or check the student"
            )
    return histograms


def channel_peaks(
    graph: bytes, calibration: CalibrationSet, activations: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Largest magnitude of every channel (the last axis) of these activations: name -> float32 [channel]."""
    if not activations:
        return {}
    session = _session(graph, activations)
    peaks: dict[str, NDArray[np.float32]] = {}
    for rows in track(calibration.calibration_rows(), "channels", calibration.batch_count):
        outputs = session.run(list(activations), {"csi_history": to_interleaved(rows.history)})
        for name, values in zip(activations, outputs, strict=True):
            highest = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            peaks[name] = np.maximum(peaks.get(name, highest), highest)
    return peaks


def _check_channels(calibration: CalibrationSet, alive: NDArray[np.bool_]) -> None:
    """alive [antenna, subcarrier]: whether any user has power there."""
    for name, used in (("antenna", alive.any(axis=1)), ("subcarrier", alive.any(axis=0))):
        if not used.all():
            dead = np.flatnonzero(~used)
            raise DataError(
                f"{calibration.path}: {name} {dead[0]} is zero for every user ({len(dead)} of {len(used)} "
                "are dead); sample from data in which all of them work"
            )


def _session(graph: bytes, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """The graph with these activations as its outputs."""
    model = read_graph(graph)
    values = {value.name: value for value in model.graph.value_info}
    del model.graph.output[:]
    model.graph.output.extend(values[name] for name in names)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(write_graph(model), options, providers=["CPUExecutionProvider"])
