"""What values the activations take: a graph run over a calibration set, one batch after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.candidates import Candidate
from edgecsi.calib.graph_session import GraphSession
from edgecsi.calib.histogram import MagnitudeHistogram
from edgecsi.errors import DataError
from edgecsi.export.graph import read_graph, write_graph
from edgecsi.progress import track
from edgecsi.users import CLEAN


def activation_statistics(
    graph: bytes, calibration: CalibrationSet, operators: Sequence[Candidate]
) -> dict[str, MagnitudeHistogram]:
    """Histograms of the activations that `operators` multiply, by name; memory does not grow with the set.

    One thread computes, so that the same set gives the same bits however many there are. DataError for a set
    with a dead channel: an antenna, say, on which no user has power, or a constant activation.
    """
    names = list(dict.fromkeys(operator.activation for operator in operators))
    session = _session(graph, calibration, names)
    histograms = {name: MagnitudeHistogram() for name in names}
    alive = np.zeros(calibration.task.input.dims(calibration.radio), bool)
    for users in track(calibration.calibrating_users(), "calibration", calibration.batch_count):
        for (name, histogram), values in zip(histograms.items(), session.run(users), strict=True):
            if not np.isfinite(values).all():
                raise DataError(
                    f"{calibration.path}: {name} becomes NaN or infinite; is the student trained?"
                )
            histogram.add(values)
        # Noise has power on dead channels too: only clean users tell.
        alive |= (users.inputs[users.columns["snr_db"] == CLEAN] != 0).any(axis=0)
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
    session = _session(graph, calibration, activations)
    peaks: dict[str, NDArray[np.float32]] = {}
    for users in track(calibration.calibrating_users(), "channels", calibration.batch_count):
        for name, values in zip(activations, session.run(users), strict=True):
            highest = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            peaks[name] = np.maximum(peaks.get(name, highest), highest)
    return peaks


def _check_channels(calibration: CalibrationSet, alive: NDArray[np.bool_]) -> None:
    """alive [*input axes]: whether any user has power there."""
    for axis, name in enumerate(calibration.task.input.axes):
        used = np.logical_or.reduce(np.moveaxis(alive, axis, 0).reshape(alive.shape[axis], -1), axis=1)
        if not used.all():
            dead = np.flatnonzero(~used)
            raise DataError(
                f"{calibration.path}: {name} {dead[0]} is zero for every user ({len(dead)} of {len(used)} "
                "are dead); sample from data in which all of them work"
            )


def _session(graph: bytes, calibration: CalibrationSet, names: Sequence[str]) -> GraphSession:
    """The graph with these activations as its outputs."""
    model = read_graph(graph)
    values = {value.name: value for value in model.graph.value_info}
    del model.graph.output[:]
    model.graph.output.extend(values[name] for name in names)
    return GraphSession(write_graph(model), calibration.task, threads=1, outputs=names)
