"""What becomes of each target once the shared stages are done: its proof, its bundle and the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edgecsi.bundle import NetworkFacts, Proof, TestSet, golden_from_bytes
from edgecsi.calib.quantization_report import QuantizationReport
from edgecsi.errors import BuildError, EdgeCsiError
from edgecsi.export.targets import get_target
from edgecsi.latency import environment
from edgecsi.metrics import Goal, GoalBounds, Report
from edgecsi.progress import say
from edgecsi.runtime.checks import Check, loss_checks
from edgecsi.runtime.limits import beyond_rounding, resolution
from edgecsi.stages import engine as engine_stage
from edgecsi.stages import graph as graph_stage
from edgecsi.stages import proof as proof_stage
from edgecsi.stages import quantized as quantized_stage
from edgecsi.stages import scores as scores_stage
from edgecsi.stages import timing as timing_stage
from edgecsi.stages.bundles import (
    Subject,
    bundle_path,
    engine_facts,
    manifest_for,
    place_bundle,
    range_warnings,
)
from edgecsi.stages.compress_report import CompressReport, TargetResult, fastest
from edgecsi.stages.judging import engine_goals, golden_goals, student_goals
from edgecsi.stages.plan import Plan
from edgecsi.stages.timing import TargetTiming

REFERENCE = "the PyTorch student"


class Outcome:
    """What the shared stages made, and what becomes of each target."""

    def __init__(self, plan: Plan, out: Path, no_int8: str | None) -> None:
        self.plan, self.out, self.no_int8 = plan, out, no_int8
        self.scores = plan.cache.path(plan.scores)
        found = read_json(self.scores / scores_stage.SCORES)
        self.metrics = {
            condition: {name: Report(**values) for name, values in reports.items()}
            for condition, reports in found["metrics"].items()
        }
        self.not_applicable: dict[str, str] = found["not_applicable"]
        self.golden_student_db = tuple(read_json(self.scores / scores_stage.GOLDEN_STUDENT))
        self.subject, self.test_set = self._subject()
        int8 = plan.quantized and not no_int8
        self.quantization = (
            QuantizationReport(**read_json(plan.cache.path(plan.quantized) / quantized_stage.QUANTIZATION))
            if plan.quantized and int8
            else None
        )

    def report(self) -> CompressReport:
        """Finish every target, time them where INT8 was asked for, and sum up."""
        results = [self._finish(name) for name in self.plan.recipe.targets]
        timings = [] if self.no_int8 else self._timings()
        return CompressReport(
            environment=environment.look(),
            ran=self.plan.cache.made,
            kept=self.plan.cache.kept,
            task=self.subject.task.name,
            radio=self.subject.radio,
            network=self.subject.network,
            teacher=self.plan.teacher_network,
            test_set=self.test_set,
            metrics=self.metrics,
            not_applicable=self.not_applicable,
            warnings=list(self.subject.warnings),
            targets=results,
            quantization=self.quantization,
            timings=timings,
            recommended=fastest(results, timings),
        )

    def _subject(self) -> tuple[Subject, TestSet]:
        from edgecsi.channel import Dataset
        from edgecsi.stages.tested_users import indices_under_test

        facts = read_json(self.plan.cache.path(self.plan.graph) / graph_stage.FACTS)
        network = NetworkFacts(**{name: facts[name] for name in NetworkFacts.model_fields})
        with Dataset.open(self.plan.data.path) as dataset:
            users = indices_under_test(dataset)
            columns = dataset.columns(users)
            speeds = columns["speed_kmh"].tolist() if "speed_kmh" in columns else []
            warnings = [*self.plan.warnings, *range_warnings(network, dataset.radio, speeds)]
            subject = Subject(dataset.task, dataset.radio, network, tuple(warnings))
            return subject, TestSet(id=f"{dataset.digest} test", users=len(users))

    def _finish(self, name: str) -> TargetResult:
        """Build, prove and bundle one target."""
        target, cache = get_target(name), self.plan.cache
        path = bundle_path(self.out, name, self.subject.network.name)
        quantization = self.quantization if target.calibrated else None
        try:
            if target.calibrated and self.no_int8:
                raise BuildError(self.no_int8)
            built, _ = engine_stage.load_built(cache.get(self.plan.engines[name]))
            proven = cache.get(self.plan.proofs[name])
            proof, executed = self._proof(name, proven)
            engine = engine_facts(name, built, executed)
            set_id = quantization.calibration_set if quantization else None
            manifest = manifest_for(path, name, self.subject, engine, proof, set_id)
            graph = (cache.path(self.plan.graph) / graph_stage.GRAPH).read_bytes()
            golden = (self.scores / scores_stage.GOLDEN).read_bytes()
            bundle, written = place_bundle(path, manifest, built, graph, golden)
        except EdgeCsiError as error:
            say(f"{name}: failed: {error}")
            return TargetResult(target=name, error=" ".join(str(error).split()))
        say(f"{name}: {path} {'written' if written else 'unchanged'}")
        return TargetResult(
            target=name,
            bundle=str(path),
            digest=bundle.digest,
            written=written,
            engine=engine,
            proof=proof,
            left_in_float=list(built.left_in_float),
        )

    def _proof(self, name: str, proven: Path) -> tuple[Proof, bool]:
        """The manifest's proof of a target, and whether its engine ran."""
        facts = proof_stage.load_facts(proven)
        task, bounds = self.subject.task, self.plan.recipe.goals
        goals = self._golden_goals(proven, facts)
        metrics = {}
        for condition, reports in self.metrics.items():
            measured, rounding_db = proof_stage.load_energies(proven, condition)
            student = scores_stage.load_energies(self.scores, condition, "student")
            labels = {name: np.array(rows) for name, rows in facts["labels"].items()}
            engine = beyond_rounding(measured, student, rounding_db)
            resolved = resolution(task, rounding_db)
            goals += engine_goals(condition, engine, labels, student, bounds, resolved)
            metrics[condition] = {**reports, "engine": Report(**facts["reports"][condition])}
        return (
            Proof(
                test_set=self.test_set,
                reference=REFERENCE,
                metrics=metrics,
                not_applicable=self.not_applicable,
                goals=(*goals, *self._student_goals(bounds)),
                relative_error_db=facts["relative_error_db"],
                golden_student_db=self.golden_student_db,
                golden_engine_db=tuple(facts["golden_engine_db"]),
            ),
            facts["executed"],
        )

    def _golden_goals(self, proven: Path, facts: dict[str, Any]) -> list[Goal]:
        task, radio = self.subject.task, self.subject.radio
        golden = golden_from_bytes((self.scores / scores_stage.GOLDEN).read_bytes(), task, radio)
        prediction = np.load(proven / proof_stage.PREDICTION)
        losses = loss_checks(prediction, golden, task, self.plan.recipe.goals, self.golden_student_db)
        return golden_goals([*(Check(**values) for values in facts["checks"]), *losses])

    def _student_goals(self, bounds: GoalBounds) -> list[Goal]:
        """The student against its teacher under every condition, and the best baseline under the last.

        That is the noisy one, where the task has noise: without any a few paths alone are autoregressive, and
        a classical predictor is all but exact, which no radio ever sees.
        """
        from edgecsi.models.baselines import BASELINES

        goals = []
        for condition, reports in self.metrics.items():
            last = condition == list(self.metrics)[-1]
            baselines = [name for name in reports if name in BASELINES] if last else []
            goals += student_goals(condition, reports, baselines, bounds)
        return goals

    def _timings(self) -> list[TargetTiming]:
        """Time the engines of a run in turns, where it asks for INT8. Those that failed are left out."""
        plan = self.plan
        for name, stage in plan.timed.items():
            if name not in plan.engines:
                try:
                    plan.cache.get(stage)
                except EdgeCsiError as error:
                    say(f"{name} is not timed: {error}")
        built = {name: stage for name, stage in plan.timed.items() if plan.cache.holds(stage)}
        if not built:
            return []
        folder = plan.cache.get(plan.timing(built))
        return [TargetTiming(**values) for values in read_json(folder / timing_stage.TIMING)]


def read_json(path: Path) -> Any:
    """A JSON file that a stage wrote."""
    return json.loads(path.read_text())
