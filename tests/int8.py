"""A Q/DQ graph without calibration, for tests of what comes after it."""

from edgecsi.calib.candidates import candidates
from edgecsi.calib.qdq import quantize

THRESHOLD = 8.0  # beyond what the activations of an untrained student reach


def all_in_int8(graph: bytes) -> bytes:
    """The graph with every operator in INT8 that can be."""
    operators = candidates(graph)
    return quantize(graph, operators, {operator.activation: THRESHOLD for operator in operators})
