"""Engine builders: one file per engine library, named as its runner in `edgecsi/runtime/engines`.

`why_not_build(precision) -> str | None` says why this machine can't build, `build(graph: bytes, precision) ->
BuiltEngine` builds from a lowered ONNX graph. A builder of several engines also has `engine() -> str`, which
names the one that this machine gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from edgecsi.errors import BuildError


@dataclass(frozen=True)
class BuiltEngine:
    """What a builder hands to the bundle.

    engine: name of its row. files: by their name in the bundle. libraries: library -> version that the build
    used. precision_checked: where the precision was read back, "network" or "engine". gpu_architecture:
    compute capability it is for ("8.0+": that one and later); None: no GPU. max_users: largest batch of one
    call; None: any. left_in_float: nodes with Q/DQ that the engine computes in float all the same.
    multiplications: share of the graph's per data type, and attention_kernels: its fused attention operators;
    both are counted by :meth:`edgecsi.export.targets.Target.build`.
    """

    engine: str
    files: Mapping[str, bytes]
    libraries: Mapping[str, str]
    precision_checked: str
    gpu_architecture: str | None = None
    max_users: int | None = None
    left_in_float: tuple[str, ...] = ()
    multiplications: Mapping[str, float] = field(default_factory=dict)
    attention_kernels: int = 0


def check_int8(library: str, graph: bytes, int8_nodes: Set[str]) -> tuple[str, ...]:
    """Nodes with Q/DQ that the library computes in float. Raises BuildError if it computes none in INT8.

    int8_nodes: names of the nodes that it computes in INT8.
    """
    from edgecsi.export.graph import quantized_nodes

    wanted = quantized_nodes(graph)
    if not int8_nodes & set(wanted):
        raise BuildError(f"{library} computes none of the {len(wanted)} quantized operators in INT8")
    return tuple(name for name in wanted if name not in int8_nodes)
