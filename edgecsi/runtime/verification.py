"""Does a bundle's engine still predict, on this machine, what its student predicted where it was built?"""

from __future__ import annotations

import os

from pydantic import BaseModel

from edgecsi.bundle import Proof, open_bundle
from edgecsi.metrics import GoalBounds, Report
from edgecsi.runtime.checks import Check, condition_reports, judge
from edgecsi.runtime.engine import ENGINES, why_not_run
from edgecsi.runtime.predictor import start_bundle


class Verification(BaseModel):
    """What `edgecsi verify` found; it cites the bundle by its digest and never goes into it.

    users: golden ones. reason: why the engine did not run here, so that only the bundle's integrity was
    checked. metrics: "clean", "noisy" -> "student", "engine" -> report on the golden users.
    """

    schema_version: int = 2
    bundle: str
    digest: str
    name: str
    task: str
    network: str
    target: str
    engine: str
    precision: str
    users: int
    warnings: list[str]
    engine_executed: bool = False
    reason: str | None = None
    threads: int | None = None
    metrics: dict[str, dict[str, Report]]
    checks: list[Check] = []

    @property
    def failures(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]


def verify(
    path: str | os.PathLike[str], *, threads: int | None = None, digest: str | None = None
) -> Verification:
    """Check a bundle's integrity and, where this machine can run it, its engine.

    Raises BundleError for a bundle that is not whole or not the pinned one. An engine that can't run here
    gives a result with `engine_executed` false and the reason.
    """
    bundle = open_bundle(path, digest)
    manifest, golden = bundle.manifest, bundle.golden()
    engine, task, proof = manifest.engine, manifest.the_task, manifest.proof
    result = Verification(
        bundle=str(path),
        digest=bundle.digest,
        name=manifest.name,
        task=manifest.task,
        network=manifest.network.name,
        target=manifest.target,
        engine=engine.name,
        precision=engine.precision,
        users=len(golden),
        warnings=list(manifest.warnings),
        reason=why_not_run(engine.name, engine.precision, manifest),
        metrics=condition_reports(task, golden, {"student": golden.student}),
    )
    if result.reason:
        return result
    predictor = start_bundle(bundle, threads)
    prediction = predictor.predict(golden.inputs)
    checks = judge(
        predictor.predict,
        prediction,
        golden,
        task,
        ENGINES.get(engine.name).precisions[engine.precision],
        asked_bounds(proof),
        proof.golden_student_db,
        proof.golden_engine_db,
    )
    found = condition_reports(task, golden, {"engine": prediction})
    return result.model_copy(
        update={
            "engine_executed": True,
            "threads": predictor.threads,
            "metrics": {words: reports | found[words] for words, reports in result.metrics.items()},
            "checks": checks,
        }
    )


def asked_bounds(proof: Proof) -> GoalBounds:
    """What the engine may lose against its student, as the manifest's goals say."""
    goals = proof.find("nmse_loss_db", "student")
    return GoalBounds(
        max_nmse_loss_db=min((g.bound for g in goals if g.scope == "overall"), default=None),
        max_worst_speed_loss_db=min((g.bound for g in goals if g.scope != "overall"), default=None),
        max_teacher_loss_db=None,
        max_baseline_loss_db=None,
    )
