"""The targets `<engine>-<precision>`, derived from the engines' rows, and what this machine can do with them.

Nothing heavy is imported before a target is used, so that a light install can list them all.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import ModuleType

from pydantic import BaseModel

from edgecsi.errors import UnavailableError
from edgecsi.export.builders import BuiltEngine
from edgecsi.registry import nearest
from edgecsi.runtime.engine import ENGINES, EngineRow, Precision


@dataclass(frozen=True)
class Target:
    """One way to turn the student's ONNX graph into an engine.

    rows: the engines that share the target's name; several where a machine gets one flavour of a library or
    the other, as TensorRT. precision: a key of their precisions.
    """

    name: str
    rows: tuple[EngineRow, ...]
    precision: str

    @property
    def row(self) -> EngineRow:
        """The engine that this machine would get."""
        if len(self.rows) == 1:
            return self.rows[0]
        return ENGINES.get(self._builder().engine())

    @property
    def engine(self) -> str:
        """Its name."""
        return self.row.name

    @property
    def promise(self) -> Precision:
        """What the engine computes in, and how near the student it must come."""
        return self.rows[0].precisions[self.precision]

    @property
    def summary(self) -> str:
        """For people."""
        return self.promise.summary

    @property
    def calibrated(self) -> bool:
        """Whether it starts from the Q/DQ graph that edgecsi.calib makes, not from the FP32 graph."""
        return self.promise.calibrated

    @property
    def solves_fp32(self) -> bool:
        """Whether its engines keep equations that a network solves in FP32."""
        return self.promise.solves_fp32

    @property
    def libraries(self) -> tuple[str, ...]:
        """Distributions whose versions the engine depends on."""
        return (*self.row.libraries, "onnx")

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules whose code makes and runs the engine."""
        lowering = self.promise.lowering
        return (self.row.module, self.row.builder, *((lowering,) if lowering else ()))

    def lower(self, graph: bytes) -> bytes:
        """Bring the FP32 or Q/DQ graph to this target's types. Raises BuildError where that can't be done."""
        if self.promise.lowering is None:
            return graph
        lowered: bytes = importlib.import_module(self.promise.lowering).lower(graph)
        return lowered

    def build(self, lowered: bytes) -> BuiltEngine:
        """Build the engine. Raises UnavailableError if this machine can't, BuildError if it is refused."""
        if reason := self.why_not_build():
            raise UnavailableError(f"{self.name} can't be built here: {reason}")
        built: BuiltEngine = self._builder().build(lowered, self.precision)
        if not find_spec("onnx"):  # a light install builds ort-fp32 without it, and counts nothing
            return built
        from edgecsi.export.arithmetic import arithmetic

        shares, kernels = arithmetic(lowered, self.promise.computes_fp32_in, built.left_in_float)
        return replace(built, multiplications=shares, attention_kernels=kernels)

    def why_not_build(self) -> str | None:
        """Why this machine can't build the target, None when it can."""
        reason: str | None = self._builder().why_not_build(self.precision)
        return reason

    def why_not_run(self) -> str | None:
        """Why this machine can't run the target, None when it can."""
        return self.row.why_not_run(self.precision, None)

    def _builder(self) -> ModuleType:
        return importlib.import_module(self.rows[0].builder)


class TargetState(BaseModel):
    """What this machine can do with a target; the reasons are None where it can."""

    target: str
    engine: str
    precision: str
    summary: str
    machine: str
    why_not_build: str | None
    why_not_run: str | None


def all_targets() -> tuple[Target, ...]:
    """Every target that there is, plugins' included."""
    rows: dict[tuple[str, str], tuple[EngineRow, ...]] = {}
    for row in ENGINES:
        for precision in row.precisions:
            key = (row.target, precision)
            rows[key] = (*rows.get(key, ()), row)
    return tuple(
        Target(f"{name}-{precision}", shared, precision) for (name, precision), shared in rows.items()
    )


def get_target(name: str) -> Target:
    """The target of that name. Raises UnavailableError that names the nearest one and all others."""
    known = {target.name: target for target in all_targets()}
    if name not in known:
        raise UnavailableError(f"unknown target {name!r}{nearest(name, tuple(known))}")
    return known[name]


def survey() -> list[TargetState]:
    """Every target as this machine sees it."""
    return [
        TargetState(
            target=target.name,
            engine=target.engine,
            precision=target.precision,
            summary=target.summary,
            machine=target.row.machine,
            why_not_build=target.why_not_build(),
            why_not_run=target.why_not_run(),
        )
        for target in all_targets()
    ]
