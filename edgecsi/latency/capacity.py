"""How many users fit into a budget, as far as it was measured."""

from __future__ import annotations

from itertools import takewhile

from edgecsi.latency.report_schema import Capacity, Outcome, Subject


def capacities(subject: Subject) -> list[Capacity]:
    """For every place (threads, CPUs), mode, budget and spacing of a subject."""
    places = dict.fromkeys(cell.setting.label for cell in subject.cells)
    return [entry for place in places for entry in _at(subject, place)]


def users_that_fit(entry: Capacity) -> str:
    """In a few characters: "8+" at least 8, "1-7" 1 does and 8 don't, "0" not even one, "?" undecided."""
    if entry.too_many is None:
        return f"{entry.fits}+" if entry.fits else "?"
    most = entry.too_many - 1
    if entry.fits == most:
        return str(most)
    return f"{entry.fits}-{most}" if entry.fits else f"<{entry.too_many}"


def _at(subject: Subject, place: str) -> list[Capacity]:
    cells = sorted(
        (cell for cell in subject.cells if cell.setting.label == place), key=lambda cell: cell.setting.users
    )
    entries = []
    for mode in dict.fromkeys(run.mode for cell in cells for run in cell.runs):
        outcomes: dict[tuple[str, int], list[tuple[int, Outcome]]] = {}
        for cell in cells:
            for run in cell.runs:
                if run.mode == mode:
                    for verdict in run.verdicts:
                        key = verdict.budget, verdict.scs_khz
                        outcomes.setdefault(key, []).append((cell.setting.users, verdict.outcome))
        entries += [
            Capacity(
                subject=subject.name,
                place=place,
                mode=mode,
                budget=budget,
                scs_khz=scs,
                fits=_fits(by_users),
                too_many=_too_many(by_users),
            )
            for (budget, scs), by_users in outcomes.items()
        ]
    return entries


def _fits(by_users: list[tuple[int, Outcome]]) -> int:
    passing = takewhile(lambda pair: pair[1] == "pass", by_users)
    return max((users for users, _ in passing), default=0)


def _too_many(by_users: list[tuple[int, Outcome]]) -> int | None:
    return next((users for users, outcome in by_users if outcome in ("fail", "cannot sustain")), None)
