"""What `compress` found, as JSON: compress.json, from which the table is drawn."""

from __future__ import annotations

from pydantic import BaseModel

from edgecsi.bundle import Proof, TestSet
from edgecsi.metrics import NmseReport


class TargetResult(BaseModel):
    """One target: its bundle and proof, or why there is none. written: by this run."""

    target: str
    bundle: str | None = None
    digest: str | None = None
    written: bool = False
    proof: Proof | None = None
    error: str | None = None


class CompressReport(BaseModel):
    """ran, kept: stages that this run did, and those that it found done.

    nmse: of teacher, student and the trivial predictors on the test users.
    """

    schema_version: int = 1
    ran: list[str]
    kept: list[str]
    test_set: TestSet
    nmse: dict[str, NmseReport]
    targets: list[TargetResult]

    @property
    def failed(self) -> list[TargetResult]:
        """Targets without a bundle."""
        return [result for result in self.targets if result.error]

    @property
    def missed(self) -> list[TargetResult]:
        """Targets that were built but miss an NMSE goal."""
        return [result for result in self.targets if result.proof and not result.proof.goals_met]
