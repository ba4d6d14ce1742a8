"""The stages of a `compress` run, wired by their keys; nothing runs here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgecsi.export.targets import Target, get_target
from edgecsi.latency import environment
from edgecsi.stages import (
    calibration,
    data,
    engine,
    given,
    graph,
    network,
    proof,
    quantized,
    relation_targets,
    scores,
    student,
    timing,
)
from edgecsi.stages.cache import StageCache
from edgecsi.stages.recipe import Recipe
from edgecsi.stages.stage import Stage, StageRow

MODEL = network.MODEL


class Source(NamedTuple):
    """A file or model folder: made by a stage, or given by the user. key: of its content."""

    key: str
    path: Path
    stage: Stage | None = None

    @property
    def input(self) -> tuple[str, Path]:
        """As an input of a stage."""
        return self.key, self.path


@dataclass(frozen=True)
class Plan:
    """All stages of a run in order, and where the results of each will be."""

    recipe: Recipe  # with shipped networks by their folders
    cache: StageCache
    warnings: tuple[str, ...]
    data: Source
    teacher: Source | None
    relation_targets: Stage | None
    student: Source
    student_network: str
    teacher_network: str | None
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
        made = [self.data.stage, self.teacher and self.teacher.stage, self.relation_targets]
        return [stage for stage in [*made, self.student.stage, self.scores, self.graph] if stage]

    @property
    def int8(self) -> list[Stage]:
        """What every calibrated target needs beyond that; none where there is no such target."""
        return [stage for stage in (self.calibration and self.calibration.stage, self.quantized) if stage]

    @property
    def stages(self) -> list[Stage]:
        """Every stage, inputs before what needs them."""
        last = [stage for name in self.engines for stage in (self.engines[name], self.proofs[name])]
        others = [stage for name, stage in self.timed.items() if name not in self.engines]
        timed = [self.timing(self.timed)] if self.timed else []
        return [*self.shared, *self.int8, *last, *others, *timed]

    def timing(self, engines: dict[str, Stage]) -> Stage:
        """The stage that times these engines on this machine."""
        made = {name: (stage.key, self.cache.path(stage)) for name, stage in engines.items()}
        return Stage(
            timing.ROW,
            timing.Options(targets=tuple(engines)),
            {"graph": (self.graph.key, self.cache.path(self.graph)), **made},
            environment={"processor": environment.processor(), "cpus": environment.available_cpus()},
        )


def make_plan(recipe: Recipe, out: Path, changed: Iterable[str] = ()) -> Plan:
    """Wire the stages of a recipe whose results go to `out`. changed: the settings that the user changed.

    Whatever can be judged before anything runs is judged here: unknown targets, given files that can't be
    used or don't fit each other, a network or backbone that can't be had or can't do the radio setting.
    """
    for name in recipe.targets:
        get_target(name)
    recipe = given.resolve(recipe)
    warnings = given.check(recipe, changed)
    return _Wiring(recipe, StageCache(out / ".cache")).plan(tuple(warnings))


class _Wiring:
    """Makes the nodes one after the other."""

    def __init__(self, recipe: Recipe, cache: StageCache) -> None:
        self.recipe, self.cache, self.given = recipe, cache, recipe.given

    def plan(self, warnings: tuple[str, ...]) -> Plan:
        """All of it."""
        channels = self._data()
        distils = not self.given.student and _distils(self.recipe.student)
        taught = bool(self.given.teacher) or distils
        teacher = self._teacher(channels) if taught else None
        names = (
            self._network(self.given.student, self.recipe.student.network),
            self._network(self.given.teacher, self.recipe.teacher.network) if teacher else None,
        )
        targets = self._relation_targets(channels, teacher, names[1]) if distils and teacher else None
        pupil = self._student(channels, targets)
        inputs = {"data": channels.input, "student": pupil.input}
        if teacher:
            inputs["teacher"] = teacher.input
        scored = Stage(scores.ROW, scores.Options(networks=tuple(filter(None, names))), inputs)
        exported = Stage(graph.ROW, graph.Options(network=names[0]), {"student": pupil.input})
        wants = [get_target(name) for name in self.recipe.targets]
        drawn = self._calibration(channels) if any(target.calibrated for target in wants) else None
        int8 = self._quantized(channels, exported, drawn) if drawn else None

        def built(target: Target) -> Stage:
            return self._engine(target, int8 if target.calibrated and int8 else exported)

        engines = {target.name: built(target) for target in wants}
        proofs = {}
        for target in wants:
            about = {
                "data": channels.input,
                "student": pupil.input,
                "scores": self._entry(scored),
                "engine": self._entry(engines[target.name]),
            }
            proofs[target.name] = self._proof(target, names[0], about)
        timed = {
            target.name: engines.get(target.name) or built(target)
            for target in timing.competitors(self.recipe.targets)
        }
        return Plan(
            self.recipe,
            self.cache,
            warnings,
            channels,
            teacher,
            targets,
            pupil,
            names[0],
            names[1],
            scored,
            exported,
            drawn,
            int8,
            engines,
            proofs,
            timed,
        )

    def _made(self, stage: Stage, file: str = "") -> Source:
        return Source(stage.key, self.cache.path(stage) / file, stage)

    def _entry(self, stage: Stage) -> tuple[str, Path]:
        return stage.key, self.cache.path(stage)

    def _data(self) -> Source:
        if self.given.data:
            return Source(given.data_key(self.given.data), self.given.data)
        return self._made(Stage(data.ROW, self.recipe.data), data.DATA)

    def _teacher(self, channels: Source) -> Source:
        if self.given.teacher:
            folder = Path(self.given.teacher)
            return Source(given.model_key(folder), folder)
        return self._trained(network.ROW, self.recipe.teacher, {"data": channels.input}, "teacher")

    def _trained(
        self,
        row: StageRow,
        options: network.Options | student.Options,
        inputs: dict[str, tuple[str, Path]],
        label: str,
    ) -> Source:
        """A training. Folders that it starts from are inputs, so that their content is in the key."""
        folders = {
            "backbone_folder": (options.backbone_folder, given.backbone_key),
            "start_from": (options.start_from, given.model_key),
        }
        for name, (folder, key) in folders.items():
            if folder is not None:
                inputs[name] = (key(folder), folder)
        stage = Stage(row, options.model_copy(update=dict.fromkeys(folders)), inputs, label)
        if not self.cache.holds(stage):
            given.check_network(options, given.wanted(self.recipe))
        return self._made(stage, MODEL)

    def _relation_targets(self, channels: Source, teacher: Source, name: str | None) -> Stage:
        options = relation_targets.Options.part_of(self.recipe.student, teacher=name)
        return Stage(relation_targets.ROW, options, {"data": channels.input, "teacher": teacher.input})

    def _student(self, channels: Source, targets: Stage | None) -> Source:
        if self.given.student:
            folder = Path(self.given.student)
            return Source(given.model_key(folder), folder)
        options, inputs = self.recipe.student, {"data": channels.input}
        if targets is None:
            return self._trained(network.ROW, network.Options.part_of(options), inputs, "student")
        return self._trained(student.ROW, options, inputs | {"targets": self._entry(targets)}, "student")

    def _network(self, folder: str | None, name: str) -> str:
        if folder is None:
            return name
        from edgecsi.models import load_config

        return load_config(Path(folder)).name

    def _calibration(self, channels: Source) -> Source:
        if self.given.calibration:
            return Source(given.calibration_key(self.given.calibration), self.given.calibration)
        stage = Stage(calibration.ROW, self.recipe.calibration, {"data": channels.input})
        return self._made(stage, calibration.CALIBRATION)

    def _quantized(self, channels: Source, exported: Stage, drawn: Source) -> Stage:
        options = quantized.Options(
            goals=self.recipe.goals,
            accept_radio_mismatch=self.recipe.accept_radio_mismatch,
            **self.recipe.quantization.model_dump(),
        )
        inputs = {"graph": self._entry(exported), "calibration": drawn.input, "data": channels.input}
        return Stage(quantized.ROW, options, inputs)

    def _engine(self, target: Target, source: Stage) -> Stage:
        options = engine.Options(target=target.name, engine=target.engine)
        return Stage(engine.ROW, options, {"graph": self._entry(source)}, f"engine-{target.name}")

    def _proof(self, target: Target, network: str, inputs: dict[str, tuple[str, Path]]) -> Stage:
        options = proof.Options(target=target.name, network=network, why_not_run=target.why_not_run())
        return Stage(proof.ROW, options, inputs, f"proof-{target.name}")


def _distils(options: student.Options) -> bool:
    """Whether a student learns from a teacher: it has relations, and they count in its loss."""
    from edgecsi.models.network import NETWORKS

    return NETWORKS.get(options.network).relations and options.weight > 0
