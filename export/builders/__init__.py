"""Engine builders: one file per engine library, all with the same three functions.

`engine() -> str` names the engine that this machine would get, `why_not_build() -> str | None` gives the
reason when there is none, and `build(graph: bytes) -> BuiltEngine` builds it from a lowered ONNX graph.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BuiltEngine:
    """What a builder hands to the bundle."""

    engine: str  # who runs it: onnxruntime | openvino | tensorrt | tensorrt-rtx
    files: dict[str, bytes]  # the engine's files by their name in the bundle
    libraries: dict[str, str]  # library -> version that the build used
    precision_checked: str  # where the precision was read back: "network" or "engine"
    gpu_architecture: str | None = (
        None  # compute capability it is for ("8.0+": that one and later), None: no GPU
    )
    max_users: int | None = None  # largest batch that the engine takes; None: any
