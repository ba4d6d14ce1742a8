"""Finding external data in an ONNX file without the onnx package, by walking its protobuf fields.

A tensor with external data names a file that the engine library would open (ONNX Runtime: relative to the
working folder when it got the graph as bytes), so that hashing the graph would prove nothing. Field numbers:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, encoding: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

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
_TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
_MAX_DEPTH = 64  # protobuf itself stops at 100
_VARINT, _BYTES = 0, 2
_FIXED_SIZES = {1: 8, 5: 4}


def external_tensor(graph: bytes) -> str | None:
    """Name of the first tensor with external data, None when there is none.

    Raises ValueError for bytes that are no well-formed protobuf message or hold no graph.
    """
    message = memoryview(graph)
    if not any(number == _MODEL_GRAPH for number, _ in _fields(message)):
        raise ValueError("it holds no graph")
    return _search(message, "Model", 0)


def _search(message: memoryview, kind: str, depth: int) -> str | None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} messages")
    if kind == "Tensor":
        return _external_name(message)
    children = _CHILDREN[kind]
    for number, value in _fields(message):
        if number in children and isinstance(value, memoryview):
            name = _search(value, children[number], depth + 1)
            if name is not None:
                return name
    return None


def _external_name(tensor: memoryview) -> str | None:
    name, external = "", False
    for number, value in _fields(tensor):
        if number == _TENSOR_NAME and isinstance(value, memoryview):
            name = bytes(value[:200]).decode("utf-8", "replace")
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
