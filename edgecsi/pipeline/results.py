"""What `compress` found, as JSON: compress.json, from which the table is drawn."""

from __future__ import annotations

from pydantic import BaseModel

from edgecsi.bundle import Proof, TestSet
from edgecsi.calib.report import QuantizationReport
from edgecsi.metrics import NmseReport
from edgecsi.pipeline.timing import TargetTiming


class TargetResult(BaseModel):
    """One target: its bundle and proof, or why there is none. written: by this run.

    nmse_noisy: of the engine, as in :class:`CompressReport`. left_in_float: operators with Q/DQ that the
    engine computes in float all the same.
    """

    target: str
    bundle: str | None = None
    digest: str | None = None
    written: bool = False
    proof: Proof | None = None
    nmse_noisy: NmseReport | None = None
    left_in_float: list[str] = []
    error: str | None = None


class CompressReport(BaseModel):
    """ran, kept: stages that this run did, and those that it found done.

    nmse: of teacher, student and the classical predictors on the test users; nmse_noisy: the same with noise
    of noisy_snr_db added to the histories. quantization: what the INT8 targets share. timings: of the engines
    and of those that INT8 competes with. recommended: the fastest target of the run that holds the goals.
    """

    schema_version: int = 2
    ran: list[str]
    kept: list[str]
    test_set: TestSet
    nmse: dict[str, NmseReport]
    nmse_noisy: dict[str, NmseReport]
    noisy_snr_db: float
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
        """Targets that were built but miss an NMSE goal."""
        return [result for result in self.targets if result.proof and not result.proof.goals_met]
