"""How a `compress` run ends: targets that failed, goals that were missed, or neither."""

from __future__ import annotations

from edgecsi.errors import BuildError, GoalMissed
from edgecsi.pipeline.results import CompressReport


def raise_for(report: CompressReport) -> None:
    """BuildError where a target has no bundle, GoalMissed where one loses too much; the others are kept."""
    if report.failed:
        names = "; ".join(f"{result.target}: {result.error}" for result in report.failed)
        raise BuildError(f"{len(report.failed)} of {len(report.targets)} targets failed: {names}")
    if report.missed:
        lines = "; ".join(
            f"{result.target} loses {result.proof.nmse_loss_db:+.3f} dB overall (goal "
            f"{result.proof.goals.max_nmse_loss_db:g}) and {result.proof.worst_speed_loss_db:+.3f} dB at "
            f"{result.proof.worst_speed_kmh} km/h (goal {result.proof.goals.max_worst_speed_loss_db:g})"
            for result in report.missed
        )
        raise GoalMissed(f"NMSE goal missed: {lines}")
