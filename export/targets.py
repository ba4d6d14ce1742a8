"""The targets `<engine>-<precision>`: how each is lowered and built, and whether this machine can.

A new target is a new row of `TARGETS`; a new engine library is a new file in `export/builders/`, a new
precision a new file in `export/lowering/`. Nothing heavy is imported before a target is used, so a
light install can list them all.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from pydantic import BaseModel

from edgecsi.errors import UnavailableError
from edgecsi.export.builders import BuiltEngine


@dataclass(frozen=True)
class Target:
    """One way to turn the student's ONNX graph into an engine."""

    name: str
    builder: str  # module in export/builders
    precision: str
    summary: str
    lowering: str | None = None  # module in export/lowering; None: the graph goes to the builder as it is
    calibrated: bool = False  # starts from the Q/DQ graph that edgecsi.calib makes, not from the FP32 graph

    @property
    def solves(self) -> bool:
        """Whether its engines hold the equations that csi-alm-light-ad solves."""
        return self.precision in ("fp32", "fp16") and self.builder != "native"

    @property
    def engine(self) -> str:
        """The engine by its name in `edgecsi.runtime`; for TensorRT the flavour found here."""
        return self._builder().engine()

    def lower(self, graph: bytes) -> bytes:
        """Bring the FP32 or Q/DQ graph to this target's types. Raises BuildError where that can't be done."""
        if self.lowering is None:
            return graph
        return importlib.import_module(f"edgecsi.export.lowering.{self.lowering}").lower(graph)

    def build(self, lowered: bytes) -> BuiltEngine:
        """Build the engine. Raises UnavailableError if this machine can't, BuildError if it is refused."""
        if reason := self.why_not_build():
            raise UnavailableError(f"{self.name} can't be built here: {reason}")
        return self._builder().build(lowered, self.precision)

    def why_not_build(self) -> str | None:
        """Why this machine can't build the target, None when it can."""
        return self._builder().why_not_build(self.precision)

    def why_not_run(self) -> str | None:
        """Why this machine can't run the target, None when it can."""
        from edgecsi.runtime import why_not_run

        return why_not_run(self.engine, precision=self.precision)

    def _builder(self) -> ModuleType:
        return importlib.import_module(f"edgecsi.export.builders.{self.builder}")


TARGETS = {
    target.name: target
    for target in (
        Target(
            "trt-fp16", "tensorrt", "fp16", "TensorRT, FP16 with FP32 normalisation, fused attention", "fp16"
        ),
        Target("ort-fp32", "ort", "fp32", "ONNX Runtime on the CPU"),
        Target("openvino-fp32", "openvino", "fp32", "OpenVINO on the CPU"),
        Target("openvino-bf16", "openvino", "bf16", "OpenVINO on a CPU with AVX512-BF16 or AMX"),
        Target("native-fp32", "native", "fp32", "kernels of our own on a CPU with AVX-512"),
        Target("native-bf16", "native", "bf16", "kernels of our own on a CPU with AVX512-BF16"),
        Target("ort-int8", "ort", "int8", "ONNX Runtime on the CPU, mixed INT8 and FP32", calibrated=True),
        Target(
            "openvino-int8", "openvino", "int8", "OpenVINO on the CPU, mixed INT8 and FP32", calibrated=True
        ),
        Target(
            "openvino-int8-bf16",
            "openvino",
            "int8-bf16",
            "OpenVINO, mixed INT8 and BF16, on a CPU with AVX512-BF16 or AMX",
            calibrated=True,
        ),
        Target(
            "trt-int8",
            "tensorrt",
            "int8",
            "TensorRT, mixed INT8 and FP16, fused attention",
            "fp16",
            calibrated=True,
        ),
    )
}


class TargetState(BaseModel):
    """What this machine can do with a target; the reasons are None where it can."""

    target: str
    engine: str
    precision: str
    summary: str
    why_not_build: str | None
    why_not_run: str | None


def survey() -> list[TargetState]:
    """Every target as this machine sees it."""
    return [
        TargetState(
            target=target.name,
            engine=target.engine,
            precision=target.precision,
            summary=target.summary,
            why_not_build=target.why_not_build(),
            why_not_run=target.why_not_run(),
        )
        for target in TARGETS.values()
    ]


def get_target(name: str) -> Target:
    """The target of that name. Raises UnavailableError that lists the names there are."""
    if name not in TARGETS:
        raise UnavailableError(f"unknown target {name!r}; choose from {', '.join(TARGETS)}")
    return TARGETS[name]
