"""The charts of a latency report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edgecsi.latency.report_schema import Cell, LatencyReport, Mode, Run, Setting, Subject
from edgecsi.latency.verdicts import SLOT_SHARE
from edgecsi.report.chart import Axis, Chart, Point, linear_axis, log_axis, nines_axis
from edgecsi.report.html import Element

SCS = 30  # of the limits drawn
DASH_OF: dict[Mode, int] = {"back-to-back": 0, "paced": 1, "paced-stressed": 2}
LIMITS = ("cqi-period-4", "cqi-period-10", "cqi-period-40")


def cdf_charts(report: LatencyReport) -> list[Element]:
    """Share of calls at or below a latency, one chart per setting."""
    charts = []
    for setting in report.plan.settings:
        runs = list(_runs(report, setting))
        if not runs:
            continue
        points = [point for _, _, run in runs for point in run.cdf]
        chart = Chart(
            f"Share of calls in time: {setting.words}",
            _latency_axis([x for x, _ in points]),
            nines_axis("share of calls", max(1 - 1 / run.timing.calls for _, _, run in runs)),
        )
        _limits(chart, report, max(x for x, _ in points))
        for colour, subject, run in runs:
            steps = [(x / 1e3, share) for x, share in run.cdf if share < 1] or [(run.cdf[0][0] / 1e3, 0.0)]
            chart.curve(steps, f"{subject.name}, {run.mode}", colour, DASH_OF[run.mode])
        charts.append(chart.figure())
    return charts


def histogram_charts(report: LatencyReport) -> list[Element]:
    """Where the back-to-back calls lie, one chart per setting."""
    charts = []
    for setting in report.plan.settings:
        runs = [entry for entry in _runs(report, setting) if entry[2].mode == "back-to-back"]
        if not runs:
            continue
        edges = [edge for _, _, run in runs for edge in run.histogram_edges_us]
        tallest = max(max(run.histogram_counts) / run.timing.calls for _, _, run in runs)
        chart = Chart(
            f"Histogram, back-to-back: {setting.words}",
            _latency_axis(edges),
            linear_axis("% of calls per bin", 0, 100 * tallest),
        )
        _limits(chart, report, max(edges))
        for colour, subject, run in runs:
            chart.curve(_outline(run), subject.name, colour)
        charts.append(chart.figure())
    return charts


def users_charts(report: LatencyReport) -> list[Element]:
    """Latency against users per call, one chart per place."""
    charts = []
    for place in dict.fromkeys(setting.label for setting in report.plan.settings):
        curves = []
        for colour, subject in enumerate(report.subjects):
            for dash, name in enumerate(("p50", "p99")):
                points = list(_users_curve(subject, place, name))
                if points:
                    curves.append((points, f"{subject.name} {name}", colour, dash))
        if not curves:
            continue
        users = [x for points, *_ in curves for x, _ in points]
        times = [y for points, *_ in curves for _, y in points]
        chart = Chart(
            f"Users per call and latency: {place}",
            Axis(
                "users per call",
                0.9 * min(users),
                1.1 * max(users),
                [(count, str(count)) for count in sorted(set(users))],
                math.log,
            ),
            log_axis("ms, back-to-back", min(times), max(times)),
        )
        for name, us in _limit_values(report):
            if min(times) <= us / 1e3 <= max(times):
                chart.level(us / 1e3, name)
        for points, name, colour, dash in curves:
            chart.curve(points, name, colour, dash, dots=True)
        charts.append(chart.figure())
    return charts


def pareto_chart(report: LatencyReport) -> list[Element]:
    """NMSE against latency: the fastest place of every subject, fewest users."""
    dots = []
    for colour, subject in enumerate(report.subjects):
        best = _fastest(subject, min(setting.users for setting in report.plan.settings))
        if best is not None:
            dots.append((best, subject.name, colour))
    if not dots:
        return []
    times = [point[0] for point, *_ in dots]
    errors = [point[1] for point, *_ in dots]
    chart = Chart(
        "NMSE and latency: lower left is better",
        log_axis("p50 in ms, back-to-back, fastest place", min(times) / 1.5, max(times) * 1.5),
        linear_axis("NMSE on the golden users in dB", min(errors) - 0.5, max(errors) + 0.5),
    )
    front = _front([point for point, *_ in dots])
    if len(front) > 1:
        chart.curve(front, "nothing measured is both faster and more accurate", 6, dash=2)
    for point, name, colour in dots:
        chart.dot(point, name, colour)
    return [chart.figure()]


def _runs(report: LatencyReport, setting: Setting) -> Iterator[tuple[int, Subject, Run]]:
    """Colour, subject and run of everything measured at a setting."""
    for colour, subject in enumerate(report.subjects):
        for cell in subject.cells:
            if cell.setting == setting:
                for run in cell.runs:
                    yield colour, subject, run


def _latency_axis(values_us: Sequence[float]) -> Axis:
    return log_axis("ms", min(values_us) / 1e3, max(values_us) / 1e3)


def _limit_values(report: LatencyReport) -> list[tuple[str, float]]:
    """Names and microseconds of the limits that are drawn."""
    limits = {budget.name: budget.limit_us[SCS] for budget in report.budgets if SCS in budget.limit_us}
    shares = {"slot": ("slot / 4", SLOT_SHARE)}
    return [
        (words, share * limits[name])
        for name in ("slot", *LIMITS)
        if name in limits
        for words, share in [shares.get(name, (f"{name}@{SCS}", 1.0))]
    ]


def _limits(chart: Chart, report: LatencyReport, most_us: float) -> None:
    for name, us in _limit_values(report):
        if us <= 1.1 * most_us:
            chart.limit(us / 1e3, name)


def _outline(run: Run) -> list[Point]:
    """The histogram as steps, in ms and percent."""
    points = [(run.histogram_edges_us[0] / 1e3, 0.0)]
    for i, count in enumerate(run.histogram_counts):
        share = 100 * count / run.timing.calls
        points += [(run.histogram_edges_us[i] / 1e3, share), (run.histogram_edges_us[i + 1] / 1e3, share)]
    return [*points, (run.histogram_edges_us[-1] / 1e3, 0.0)]


def _users_curve(subject: Subject, place: str, percentile: str) -> Iterator[Point]:
    cells = [cell for cell in subject.cells if cell.setting.label == place and cell.runs]
    for cell in sorted(cells, key=lambda cell: cell.setting.users):
        bound = cell.runs[0].timing.percentiles_us.get(percentile)
        if bound is not None:
            yield cell.setting.users, bound / 1e3


def _fastest(subject: Subject, users: int) -> Point | None:
    """(p50 in ms, NMSE in dB) of the fastest place."""
    points = (_point(cell) for cell in subject.cells if cell.setting.users == users)
    return min(filter(None, points), default=None)


def _point(cell: Cell) -> Point | None:
    """(p50 in ms, NMSE in dB), where both are known."""
    nmse = cell.outputs.nmse_golden_db if cell.outputs else None
    p50 = cell.runs[0].timing.observed_us.get("p50") if cell.runs else None
    return None if nmse is None or p50 is None else (p50 / 1e3, nmse)


def _front(points: Sequence[Point]) -> list[Point]:
    """Those that no other point beats in both."""
    front: list[Point] = []
    for point in sorted(points):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front
