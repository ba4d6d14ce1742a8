"""The main job: run the stages that are missing, write a bundle per target, and say how they did."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgecsi.bundle import TestSet
from edgecsi.calib.report import QuantizationReport
from edgecsi.errors import BuildError, EdgeCsiError, UnavailableError
from edgecsi.export.targets import get_target
from edgecsi.files import atomic_folder, sweep, write_json
from edgecsi.metrics import NmseReport
from edgecsi.pipeline import work
from edgecsi.pipeline.assemble import locked, manifest_for, place_bundle
from edgecsi.pipeline.given import usual_student
from edgecsi.pipeline.plan import Plan, make_plan
from edgecsi.pipeline.proof import Measured, load_built, proof_of
from edgecsi.pipeline.recommendation import fastest, time_engines
from edgecsi.pipeline.request import CompressRequest
from edgecsi.pipeline.results import CompressReport, TargetResult
from edgecsi.pipeline.stage import Stage, digests
from edgecsi.pipeline.testset import golden_set, test_users
from edgecsi.progress import say

REFERENCE = "the PyTorch student"
REPORT = "compress.json"


@dataclass(frozen=True)
class PlannedStage:
    """A row of the plan. cached: its results are there already."""

    stage: Stage
    cached: bool


def plan_rows(request: CompressRequest) -> list[PlannedStage]:
    """What `compress` would do, without doing it."""
    plan = make_plan(request)
    return [PlannedStage(stage, plan.cache.holds(stage)) for stage in plan.stages]


def compress(request: CompressRequest) -> CompressReport:
    """Run a request and write `<out>/<target>.edgecsi`, `<out>/teacher`, `<out>/student` and compress.json.

    The bundle of another student than the run takes by itself is called `<target>-<student>.edgecsi`. A
    target that fails does not stop the others; its reason is in the report.
    """
    plan = make_plan(request)
    _judge_targets(request.targets)
    for stage in plan.shared:
        plan.cache.get(stage)
    no_int8 = _why_no_int8(plan)
    with locked(request.out):
        _publish(plan, request)
        results = [_finish_target(plan, request, name, no_int8) for name in request.targets]
        timings = [] if no_int8 else time_engines(plan)
        report = CompressReport(
            ran=plan.cache.made,
            kept=plan.cache.kept,
            nmse=_scores(plan, "given"),
            nmse_noisy=_scores(plan, "noisy"),
            noisy_snr_db=work.NOISY_SNR_DB,
            targets=results,
            test_set=_test_set(plan),
            quantization=None if no_int8 else _quantization(plan),
            timings=timings,
            recommended=fastest(results, timings),
        )
        sweep(request.out / REPORT)
        write_json(request.out / REPORT, report.model_dump())
    return report


def _judge_targets(names: tuple[str, ...]) -> None:
    """Say at once which targets this machine can't build. UnavailableError where it can build none."""
    reasons = {name: reason for name in names if (reason := get_target(name).why_not_build())}
    lines = [f"{name} can't be built here: {reason}" for name, reason in reasons.items()]
    if len(reasons) == len(names):
        raise UnavailableError("; ".join(lines))
    for line in lines:
        say(line)


def _why_no_int8(plan: Plan) -> str | None:
    """Calibrate and quantize; the reason where that can't be done, which fails the INT8 targets only."""
    try:
        for stage in plan.int8:
            plan.cache.get(stage)
    except EdgeCsiError as error:
        return str(error)
    return None


def _finish_target(plan: Plan, request: CompressRequest, name: str, no_int8: str | None) -> TargetResult:
    """Build, prove and bundle one target."""
    student = work.read_json(plan.cache.path(plan.graph) / "student.json")
    usual = student["name"] == usual_student(request)
    path = request.out / (f"{name}.edgecsi" if usual else f"{name}-{student['name']}.edgecsi")
    quantization = _quantization(plan) if get_target(name).calibrated and not no_int8 else None
    try:
        if get_target(name).calibrated and no_int8:
            raise BuildError(no_int8)
        engine = plan.cache.get(plan.engines[name])
        proof_folder = plan.cache.get(plan.proofs[name])
        measured = Measured(**work.read_json(proof_folder / work.PROOF))
        noisy = NmseReport(**work.read_json(proof_folder / work.NOISY_PROOF))
        _, built, _ = load_built(engine)
        scores = _scores(plan, "given")
        proof = proof_of(measured, REFERENCE, scores, _test_set(plan), built.precision_checked, request.goals)
        manifest = manifest_for(
            path,
            name,
            built,
            student,
            proof,
            quantization and quantization.calibration_set,
        )
        golden, graph = _golden(plan), plan.cache.path(plan.graph) / work.GRAPH
        bundle, written = place_bundle(path, manifest, built, graph.read_bytes(), golden)
    except EdgeCsiError as error:
        say(f"{name}: failed: {error}")
        return TargetResult(target=name, error=" ".join(str(error).split()))
    say(f"{name}: {path} {'written' if written else 'unchanged'}")
    return TargetResult(
        target=name,
        bundle=str(path),
        digest=bundle.digest,
        written=written,
        proof=proof,
        nmse_noisy=noisy,
        left_in_float=list(built.left_in_float),
    )


def _quantization(plan: Plan) -> QuantizationReport | None:
    if plan.quantized is None:
        return None
    return QuantizationReport(**work.read_json(plan.cache.path(plan.quantized) / work.QUANTIZATION))


def _golden(plan: Plan) -> object:
    from edgecsi.channel import Dataset

    predictions = np.load(plan.cache.path(plan.scores) / work.PREDICTIONS, mmap_mode="r")
    with Dataset.open(plan.data.path) as dataset:
        return golden_set(dataset, predictions)


def _test_set(plan: Plan) -> TestSet:
    from edgecsi.channel import Dataset

    with Dataset.open(plan.data.path) as dataset:
        return TestSet(id=f"{dataset.digest} test", users=len(test_users(dataset)))


def _scores(plan: Plan, level: Literal["given", "noisy"]) -> dict[str, NmseReport]:
    scores = work.read_json(plan.cache.path(plan.scores) / work.SCORES)[level]
    return {who: NmseReport(**values) for who, values in scores.items()}


def _publish(plan: Plan, request: CompressRequest) -> None:
    """Copy a teacher and a student that the user did not give to where a user finds them."""
    out = request.out
    networks = (("teacher", plan.teacher, request.teacher), ("student", plan.student, request.student))
    for name, source, given in networks:
        sweep(out / name)
        if source is None or given or digests(out / name) == digests(source.path):
            continue
        with atomic_folder(out / name) as temporary:
            shutil.copytree(source.path, temporary, dirs_exist_ok=True)
