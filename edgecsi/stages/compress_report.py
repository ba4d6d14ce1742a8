"""What `compress` found, as JSON: compress.json, from which the table is drawn."""

from __future__ import annotations

from pydantic import BaseModel

from edgecsi.bundle import EngineFacts, NetworkFacts, Proof, TestSet
from edgecsi.calib.quantization_report import QuantizationReport
from edgecsi.errors import BuildError, GoalMissed
from edgecsi.latency.environment import Environment
from edgecsi.metrics import Report, missed
from edgecsi.radio import RadioSetting
from edgecsi.stages.timing import TargetTiming


class TargetResult(BaseModel):
    """One target: its bundle, engine and proof, or why there is none. written: by this run.

    left_in_float: operators with Q/DQ that the engine computes in float all the same.
    """

    target: str
    bundle: str | None = None
    digest: str | None = None
    written: bool = False
    engine: EngineFacts | None = None
    proof: Proof | None = None
    left_in_float: list[str] = []
    error: str | None = None


class CompressReport(BaseModel):
    """environment: the machine. ran, kept: stages that this run did, and those that it found done.

    metrics: condition -> predictor -> report, of teacher, student and baselines on the test users.
    not_applicable: baseline -> why it has no report. warnings: what whoever uses the bundles should know.
    quantization: what the INT8 targets share. timings: of the engines and of those that INT8 competes with.
    recommended: the fastest target of the run that holds the goals.
    """

    schema_version: int = 3
    environment: Environment
    ran: list[str]
    kept: list[str]
    task: str
    radio: RadioSetting
    network: NetworkFacts
    teacher: str | None = None  # the teacher's network
    test_set: TestSet
    metrics: dict[str, dict[str, Report]]
    not_applicable: dict[str, str] = {}
    warnings: list[str] = []
    targets: list[TargetResult]
    quantization: QuantizationReport | None = None
    timings: list[TargetTiming] = []
    recommended: str | None = None

    @property
    def failed(self) -> list[TargetResult]:
        """Targets without a bundle."""
        return [result for result in self.targets if result.error]

    @property
    def missed(self) -> list[TargetResult]:
        """Targets that were built but miss a goal."""
        return [result for result in self.targets if result.proof and not result.proof.goals_met]

    def raise_for_status(self) -> None:
        """BuildError where a target has no bundle, GoalMissed where a goal is missed; bundles are kept."""
        if self.failed:
            names = "; ".join(f"{result.target}: {result.error}" for result in self.failed)
            raise BuildError(f"{len(self.failed)} of {len(self.targets)} targets failed: {names}")
        lines = {
            f"{'' if goal.subject == 'student' else f'{result.target}: '}{goal.line}"
            for result in self.missed
            if result.proof
            for goal in missed(result.proof.goals)
        }
        if lines:
            raise GoalMissed(f"built, but {'; '.join(sorted(lines))}")


def fastest(results: list[TargetResult], timings: list[TargetTiming]) -> str | None:
    """The fastest of the targets that were asked for and hold their goals; None where none was timed."""
    good = {result.target for result in results if result.proof and result.proof.goals_met}
    timed = [timing for timing in timings if timing.target in good]
    return min(timed, key=lambda timing: timing.p50_ms).target if timed else None
