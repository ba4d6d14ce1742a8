"""A latency report as one self-contained HTML page: no script, no network, nothing but the report's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgecsi.latency.environment import NOT_TUNED
from edgecsi.latency.report_schema import Cell, LatencyReport, Timing
from edgecsi.report.html import Child, Element, element, page, table
from edgecsi.report.latency_charts import cdf_charts, histogram_charts, pareto_chart, users_charts
from edgecsi.report.latency_facts import (
    cells,
    ms,
    network_words,
    reasons,
    rt_missing,
    short_runs,
    warnings,
)
from edgecsi.report.latency_verdicts import capacity, setting, verdicts

PERCENTILES = ("p50", "p90", "p99", "p99.9", "p99.999")
METHOD = (
    "Back-to-back: the next call begins when the last has returned. Paced: calls are due at absolute "
    "moments, one period apart, and their latency counts from the moment when they were due, wake-up "
    "included. Percentiles are upper bounds that hold with 99 % confidence (MLPerf LoadGen's rule); '-': "
    "more calls would be needed. Verdicts: slot, p99.999 and the maximum against a quarter of the slot "
    "(on a host that isn't RT-tuned p99.9 can only fail it); report periods, p99.9 with the queueing that "
    "calls longer than the period cause; deadlines, p99.9. Undecided is never a pass."
)


def latency_page(report: LatencyReport) -> str:
    """The whole document."""
    return page(
        "edgecsi latency report",
        *_head(report),
        *_section("Verdicts: margin in ms", *verdicts(report)),
        *_section("Users that fit", *capacity(report)),
        *_section("Latency in ms", _percentiles(report)),
        *_charts("Share of calls in time", cdf_charts(report)),
        *_charts("Histograms", histogram_charts(report)),
        *_charts("Users and accuracy", users_charts(report) + pareto_chart(report)),
        *_section("Compared with the baseline", _ratios(report)),
        *_section("Inside a GPU call, p50 in us", _gpu(report)),
        *_section("Process starts, and outputs of the timed calls", _starts(report)),
        *_section("Environment", _environment(report), _floors(report)),
        *_section("What was measured", _subjects(report)),
        element("p", METHOD, class_="soft"),
    )


def _head(report: LatencyReport) -> Iterator[Child]:
    machine = report.environment
    yield element("h1", "edgecsi latency report")
    yield element(
        "p", f"{machine.processor}, {len(machine.cpus_allowed)} CPUs, {report.created}", class_="soft"
    )
    if missing := rt_missing(report):
        yield element("p", element("span", NOT_TUNED, class_="badge"), f" no {', no '.join(missing)}")
    for line in filter(None, (*warnings(report), *reasons(report), short_runs(report))):
        yield element("p", line)


def _section(title: str, *content: Element | None) -> list[Element]:
    shown = [part for part in content if part is not None]
    return [element("h2", title), element("section", *shown, class_="card")] if shown else []


def _charts(title: str, charts: Sequence[Element]) -> list[Element]:
    return [element("h2", title), element("div", *charts, class_="grid")] if charts else []


def _percentiles(report: LatencyReport) -> Element:
    headers = ("subject", "users", "place", "mode", "calls", "mean", *PERCENTILES, "max")
    rows = []
    for subject, cell in cells(report):
        for run in cell.runs:
            times = run.timing
            bounds = [ms(times.percentiles_us.get(name)) for name in PERCENTILES]
            numbers = [str(times.calls), ms(times.mean_us), *bounds, ms(times.max_us)]
            rows.append([*setting(subject, cell, run), *numbers])
    return table(headers, rows, numbers=len(PERCENTILES) + 3)


def _ratios(report: LatencyReport) -> Element | None:
    if not report.comparisons:
        return None
    headers = ("subject", "baseline", "setting", "percentile", "95 % interval", "from", "ratio")
    rows = [
        [
            entry.subject,
            entry.baseline,
            entry.setting.words,
            entry.percentile,
            "-" if entry.low is None else f"{entry.low:.3f} .. {entry.high:.3f}",
            f"{entry.samples} {entry.sampled}",
            f"{entry.ratio:.3f}",
        ]
        for entry in report.comparisons
    ]
    return table(headers, rows, numbers=1)


def _gpu(report: LatencyReport) -> Element | None:
    rows = [
        [subject.name, cell.setting.words, "on" if part.cuda_graph else "off", name, _p50(timing)]
        for subject, cell in cells(report)
        for part in cell.gpu
        for name, timing in part.stages.items()
    ]
    return table(("subject", "setting", "CUDA graph", "stage", "p50"), rows, numbers=1) if rows else None


def _p50(timing: Timing) -> str:
    return f"{timing.percentiles_us['p50']:.1f}"


def _starts(report: LatencyReport) -> Element:
    headers = ("subject", "setting", "outputs", "load ms", "first call ms", "p50 ms")
    rows = []
    for subject, cell in cells(report):
        if cell.starts:
            columns = (
                [f"{start.load_ms:.0f}" for start in cell.starts],
                [f"{start.first_call_ms:.1f}" for start in cell.starts],
                [ms(start.p50_us) for start in cell.starts],
            )
            rows.append([subject.name, cell.setting.words, _outputs(cell), *map(" / ".join, columns)])
    return table(headers, rows, numbers=3)


def _outputs(cell: Cell) -> str:
    check = cell.outputs
    if check is None:
        return ""
    same = f"{check.inputs} inputs within {check.difference:.1e} of untimed"
    if check.nmse_timed_db is None:
        return same
    return f"NMSE {check.nmse_timed_db:.3f} dB (untimed {check.nmse_untimed_db:.3f} dB), {same}"


def _environment(report: LatencyReport) -> Element:
    machine = report.environment.model_dump()
    machine["libraries"] = [f"{name} {version}" for name, version in report.environment.libraries.items()]
    machine["process"] = dict.fromkeys(
        f"{cell.scheduler}, memory {'locked' if cell.memory_locked else 'not locked'}, real-time rights "
        f"{cell.realtime}"
        for _, cell in cells(report)
        if cell.scheduler
    )
    machine["stressed_neighbour"] = sorted(
        {
            f"on CPU {run.neighbour_cpu}"
            for _, cell in cells(report)
            for run in cell.runs
            if run.neighbour_cpu is not None
        }
    )
    machine["plan"] = [
        f"{name.replace('_', ' ')} {_words(value)}"
        for name, value in report.plan.model_dump(exclude={"settings"}).items()
    ]
    rows: list[list[Child]] = [
        [name.replace("_", " "), element("td", _words(value), class_="wrap")]
        for name, value in machine.items()
    ]
    return table(("", ""), rows)


def _words(value: object) -> str:
    if isinstance(value, list | tuple | dict):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)


def _floors(report: LatencyReport) -> Element:
    headers = (
        "floor at",
        "empty call p50",
        "empty call max",
        "host's longest pause",
        "time lost to the host",
    )
    rows = [
        [
            floor.setting.words,
            f"{floor.timing.percentiles_us['p50']:.2f} us",
            f"{floor.timing.max_us:.1f} us",
            f"{ms(floor.longest_gap_us)} ms",
            f"{100 * floor.lost_share:.2f} %",
        ]
        for floor in report.floors
    ]
    return table(headers, rows, numbers=4)


def _subjects(report: LatencyReport) -> Element:
    rows: list[list[Child]] = [
        [
            subject.name,
            subject.kind,
            f"{subject.engine} {subject.precision}",
            element("td", network_words(subject) or "-", class_="wrap"),
            "-" if subject.nmse_db is None else f"{subject.nmse_db:.3f}",
            element("td", subject.digest or "-", class_="wrap"),
            element("td", subject.reason or "yes", class_="wrap"),
        ]
        for subject in report.subjects
    ]
    return table(("subject", "kind", "engine", "network", "test set NMSE dB", "digest", "ran"), rows)
