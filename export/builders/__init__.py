"""Engine builders: one file per engine library, all with the same three functions.

`engine() -> str` names the engine that this machine would get, `why_not_build(precision) -> str | None`
gives the reason when there is none, and `build(graph: bytes, precision) -> BuiltEngine` builds it from a
lowered ONNX graph.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from edgecsi.errors import BuildError


@dataclass(frozen=True)
class BuiltEngine:
    """What a builder hands to the bundle."""

    engine: str  # who runs it: onnxruntime | native | openvino | tensorrt | tensorrt-rtx
    files: dict[str, bytes]  # the engine's files by their name in the bundle
    libraries: dict[str, str]  # library -> version that the build used
    precision_checked: str  # where the precision was read back: "network" or "engine"
    gpu_architecture: str | None = (
        None  # compute capability it is for ("8.0+": that one and later), None: no GPU
    )
    max_users: int | None = None  # largest batch that the engine takes; None: any
    left_in_float: tuple[str, ...] = ()  # nodes with Q/DQ that the engine computes in float all the same


def check_int8(library: str, graph: bytes, int8_nodes: Set[str]) -> tuple[str, ...]:
    """Nodes with Q/DQ that the library computes in float. Raises BuildError if it computes none in INT8.

    int8_nodes: names of the nodes that it computes in INT8.
    """
    from edgecsi.export.graph import quantized_nodes

    wanted = quantized_nodes(graph)
    if not int8_nodes & set(wanted):
        raise BuildError(f"{library} computes none of the {len(wanted)} quantized operators in INT8")
    return tuple(name for name in wanted if name not in int8_nodes)
