"""Finding in an ONNX file what a bundle may not hold, without the onnx package: by its protobuf fields.

A tensor with external data names a file that the engine library would open (ONNX Runtime: relative to the
working folder when it got the graph as bytes), so that hashing the graph would prove nothing. Control flow
may compute for ever, with a few hundred bytes; functions and other operator sets than ONNX's own mean what
somebody else says. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, encoding:
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# message -> field number -> message in that field, for every way from ModelProto to a TensorProto
_CHILDREN = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_MODEL_GRAPH = 7
_OP_TYPE, _DOMAIN = 4, 7
_CONTROL_FLOW = {"If", "Loop", "Scan", "SequenceMap"}
_OWN_DOMAINS = {"", "ai.onnx"}
_TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
_MAX_DEPTH = 64  # protobuf itself stops at 100
_VARINT, _BYTES = 0, 2
_FIXED_SIZES = {1: 8, 5: 4}


@dataclass
class Findings:
    """What a graph may not hold, the first of each; None: nothing.

    external: name of a tensor with external data. foreign: what is no plain operator of ONNX's own, in words.
    """

    external: str | None = None
    foreign: str | None = None


def scan(graph: bytes) -> Findings:
    """Look through a graph, as far as to the first tensor with external data.

    Raises ValueError for bytes that are no well-formed protobuf message or hold no graph.
    """
    message, found = memoryview(graph), Findings()
    if not any(number == _MODEL_GRAPH for number, _ in _fields(message)):
        raise ValueError("it holds no graph")
    _search(message, "Model", 0, found)
    return found


def _search(message: memoryview, kind: str, depth: int, found: Findings) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} messages")
    if kind == "Tensor":
        found.external = _external_name(message)
        return
    children = _CHILDREN[kind]
    for number, value in _fields(message):
        if not isinstance(value, memoryview):
            continue
        if number in children:
            child = children[number]
            if child == "Function":
                found.foreign = found.foreign or "a function of its own"
            elif child == "Graph" and kind == "Attribute":
                found.foreign = found.foreign or "control flow (a graph within a node)"
            _search(value, child, depth + 1, found)
            if found.external is not None:
                return
        elif kind == "Node" and number in (_OP_TYPE, _DOMAIN):
            found.foreign = found.foreign or _foreign(number, _text(value))


def _foreign(number: int, text: str) -> str | None:
    if number == _OP_TYPE:
        return f"control flow ({text})" if text in _CONTROL_FLOW else None
    return None if text in _OWN_DOMAINS else f"an operator of the domain {text!r}"


def _text(value: memoryview) -> str:
    return bytes(value[:200]).decode("utf-8", "replace")


def _external_name(tensor: memoryview) -> str | None:
    name, external = "", False
    for number, value in _fields(tensor):
        if number == _TENSOR_NAME and isinstance(value, memoryview):
            name = _text(value)
        # a location that says DEFAULT (0) in so many words is harmless
        external |= number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)
    return name if external else None


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of a message: an int for a varint, else the payload."""
    position = 0
    while position < len(message):
        key, start = _varint(message, position)
        number, wire = key >> 3, key & 7
        value: int | memoryview
        if wire == _VARINT:
            value, position = _varint(message, start)
        else:
            if wire == _BYTES:
                size, start = _varint(message, start)
            elif wire in _FIXED_SIZES:
                size = _FIXED_SIZES[wire]
            else:
                raise ValueError(f"field {number} has wire type {wire}, which ONNX does not use")
            position = start + size
            value = message[start:position]
        if position > len(message):
            raise ValueError("a field is cut off")
        if not 0 < number < 1 << 29:
            raise ValueError(f"there is no field {number}")
        yield number, value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("a field is cut off")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number is longer than 10 bytes")
