"""Budgets that must be kept: what `latency-report --require` checks."""

from __future__ import annotations

from collections.abc import Sequence

from edgecsi.latency.budgets import HORIZON, Budget, find_budget, same_at_every_scs
from edgecsi.latency.report_schema import LatencyReport, Verdict

Required = tuple[str, int]  # name of a budget, subcarrier spacing in kHz


def missed(report: LatencyReport, required: Sequence[Required]) -> list[str]:
    """One line for every bundle, setting and mode that doesn't show a required budget to be kept.

    Undecided is a miss, and so is a bundle that didn't run: only a pass is a pass. Networks, measured for
    comparison, are not judged.
    """
    lines = []
    for subject in report.subjects:
        if subject.kind == "network":
            continue
        if subject.reason:
            lines.append(f"{subject.name} did not run: {subject.reason}")
        for cell in subject.cells:
            if cell.reason:
                lines.append(f"{subject.name}, {cell.setting.words}: {cell.reason}")
            for run in cell.runs:
                for verdict in run.verdicts:
                    asked = (verdict.budget, verdict.scs_khz) in required
                    if asked and verdict.outcome != "pass":
                        lines.append(f"{subject.name}, {cell.setting.words}, {run.mode}: {_says(verdict)}")
    return lines


def parse(wanted: Sequence[str], budgets: Sequence[Budget]) -> list[Required]:
    """NAME or NAME@KHZ -> name and spacing. Raises EdgeCsiError for an unknown one."""
    known = [*budgets, same_at_every_scs(HORIZON, 1.0, "every bundle's own")]
    found = [find_budget(name, known) for name in wanted]
    return [(budget.name, scs) for budget, scs in found]


def _says(verdict: Verdict) -> str:
    text = f"{verdict.budget}@{verdict.scs_khz} {verdict.outcome}"
    if verdict.margin_us is not None:
        text += f", {verdict.margin_at} margin {verdict.margin_us / 1e3:+.2f} ms"
    return f"{text} ({verdict.note})" if verdict.note else text
