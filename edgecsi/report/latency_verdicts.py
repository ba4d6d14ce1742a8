"""Verdicts and users that fit, as tables of the HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgecsi.latency.budgets import DEFAULT_SCS
from edgecsi.latency.capacity import users_that_fit
from edgecsi.latency.report_schema import Cell, LatencyReport, Run, Subject, Verdict
from edgecsi.report.html import Child, Element, element, table
from edgecsi.report.latency_facts import HEADLINE, LEGEND, MARKS, cells, spacings

CLASSES = {"pass": "pass", "fail": "fail", "cannot sustain": "fail", "undecided": "undecided"}


def verdicts(report: LatencyReport) -> Iterator[Element]:
    """The headline budgets at one spacing in the open, everything else folded."""
    if not any(subject.kind == "bundle" and subject.cells for subject in report.subjects):
        return
    others = [budget.name for budget in report.budgets if budget.name not in HEADLINE]
    yield element("p", LEGEND, class_="soft")
    yield element("h3", f"{DEFAULT_SCS} kHz")
    yield _verdict_table(report, HEADLINE, DEFAULT_SCS)
    khz = spacings(report)
    for scs in khz:
        if scs != DEFAULT_SCS:
            yield _folded(f"{scs} kHz", _verdict_table(report, HEADLINE, scs))
    for scs in khz:
        parts = [others[i : i + 8] for i in range(0, len(others), 8)]
        yield _folded(
            f"All other budgets at {scs} kHz", *(_verdict_table(report, part, scs) for part in parts)
        )


def _folded(title: str, *content: Element) -> Element:
    return element("details", element("summary", title), *content)


def _verdict_table(report: LatencyReport, names: Sequence[str], scs: int) -> Element:
    rows: list[list[Child]] = []
    for subject, cell in cells(report):
        if subject.kind == "bundle":
            for run in cell.runs:
                found = {verdict.budget: verdict for verdict in run.verdicts if verdict.scs_khz == scs}
                rows.append([*setting(subject, cell, run), *(_margin(found.get(name)) for name in names)])
    return table(("subject", "users", "place", "mode", *names), rows, numbers=len(names))


def _margin(verdict: Verdict | None) -> Element:
    """Mark, margin, and where the judged percentile wasn't supported, the percentile of the margin."""
    if verdict is None:
        return element("td", "")
    words = [MARKS[verdict.outcome]]
    if verdict.margin_us is not None:
        words.append(f"{verdict.margin_us / 1e3:+.2f}")
        if verdict.margin_at and verdict.margin_at != verdict.judged:
            words.append(verdict.margin_at)
    title = f"{verdict.outcome}: {verdict.judged} against {verdict.limit_us:g} us, {verdict.misses} late"
    if verdict.miss_share_below is not None:
        title += f" (share below {100 * verdict.miss_share_below:.2g} %)"
    title += f"; {verdict.note}" if verdict.note else ""
    return element("td", " ".join(words), class_=CLASSES[verdict.outcome], title=title)


def capacity(report: LatencyReport) -> list[Element]:
    """Users that fit, at every spacing; nothing where no bundle ran."""
    khz = spacings(report)
    rows: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for entry in report.capacities:
        key = (entry.subject, entry.place, entry.mode)
        rows.setdefault(key, {}).setdefault(entry.budget, []).append(users_that_fit(entry))
    if not rows:
        return []
    at = f"at {' / '.join(map(str, khz))} kHz"
    legend = (
        f"Users per call {at}. 8+: at least 8; 1-7: 1 does, 8 don't, between wasn't measured; ?: undecided."
    )
    filled = ([*key, *(" / ".join(fits.get(name, [])) for name in HEADLINE)] for key, fits in rows.items())
    headers = ("subject", "place", "mode", *HEADLINE)
    return [element("p", legend, class_="soft"), table(headers, filled, numbers=len(HEADLINE))]


def setting(subject: Subject, cell: Cell, run: Run) -> list[str]:
    """The columns that say which run a row is about."""
    mode = run.mode if run.period_us is None else f"{run.mode} {run.period_us / 1e3:g} ms"
    return [subject.name, str(cell.setting.users), cell.setting.label, mode]
