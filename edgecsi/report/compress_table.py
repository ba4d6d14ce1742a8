"""The outcome of `compress` as terminal tables, drawn from compress.json."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.metrics import Goal, label_order, missed
from edgecsi.tasks import TASKS

ROLES = ("teacher", "student")  # the rows after the classical predictors'
SHOWN = 3  # groups in the table; all of them are in compress.json
SHOWN_STEPS = 6
NUMBER_WIDTH = 6  # of a column: -88.19

Reports = dict[str, dict[str, Any]]  # predictor or target -> report, as in JSON


def print_compress(report: dict[str, Any], console: Console) -> None:
    """NMSE of every predictor and engine on the test users, who wins, and the goals of every target."""
    metrics = {condition: _rows(report, condition) for condition in report["metrics"]}
    console.print(_nmse_table(report, metrics))
    if any(len(row["steps_db"]) > 1 for row in next(iter(metrics.values())).values()):
        console.print(_step_table(report, metrics))
    for line in (*_predictor_lines(report), *_target_lines(report), *_int8_lines(report), _work(report)):
        console.print(escape(line), soft_wrap=True, highlight=False)


def _rows(report: dict[str, Any], condition: str) -> Reports:
    """Predictors and engines with their reports: classical ones, teacher, student, engines."""
    found = report["metrics"][condition]
    order = [*(name for name in found if name not in ROLES), *(name for name in ROLES if name in found)]
    rows = {_words(name): found[name] for name in order}
    for target in report["targets"]:
        if target["proof"] and "engine" in target["proof"]["metrics"].get(condition, {}):
            rows[f"{target['target']}{_star(target)}"] = target["proof"]["metrics"][condition]["engine"]
    return rows


def _nmse_table(report: dict[str, Any], metrics: dict[str, Reports]) -> Table:
    """A row per predictor, the best in bold; as many groups as a terminal of 80 columns shows."""
    (first, rows), *others = metrics.items()
    grouping = TASKS.get(report["task"]).worst_grouping
    groups = label_order([label for row in rows.values() for label in row["groups"].get(grouping.name, {})])
    shown = groups[:: max(1, -(-len(groups) // SHOWN))]
    labels = [f"{label}\n{grouping.unit}" for label in shown]
    noisy = [textwrap.fill(condition, NUMBER_WIDTH) for condition, _ in others]
    title = f"{_network(report)}: NMSE in dB on {report['test_set']['users']} test users (lower is better)"
    table = _table(title, ("mean", "pooled", *labels, *noisy))
    table.caption = _caption(report, first, [condition for condition, _ in others])
    best = min(row["mean_db"] for row in rows.values())
    for name, row in rows.items():
        by_group = (row["groups"].get(grouping.name, {}).get(label) for label in shown)
        noisy_means = (found.get(name, {}).get("mean_db") for _, found in others)
        values = (row["mean_db"], row["pooled_db"], *by_group, *noisy_means)
        table.add_row(escape(name), *map(_db, values), style="bold" if row["mean_db"] == best else None)
    return table


def _step_table(report: dict[str, Any], metrics: dict[str, Reports]) -> Table:
    """Mean NMSE of each step ahead, on the histories as given."""
    condition, rows = next(iter(metrics.items()))
    steps = max(len(row["steps_db"]) for row in rows.values())
    shown = range(0, steps, max(1, -(-steps // SHOWN_STEPS)))
    step_ms = 1e3 * report["radio"]["step_s"]
    headers = (f"{step + 1}\n{(step + 1) * step_ms:g} ms" for step in shown)
    table = _table(f"{_network(report)}: NMSE in dB by steps ahead, {condition}", tuple(headers))
    for name, row in rows.items():
        values = (row["steps_db"][step] if step < len(row["steps_db"]) else None for step in shown)
        table.add_row(escape(name), *map(_db, values))
    return table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=escape(title))
    table.add_column("predictor", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _caption(report: dict[str, Any], first: str, others: list[str]) -> str:
    """What the columns are of, and how well these users know the student's means."""
    last = "".join(f"; last column: mean, {condition}" for condition in others)
    errors = {c: found.get("student", {}).get("standard_error_db") for c, found in report["metrics"].items()}
    known = [f"{error:.2f}" for error in errors.values() if error]
    standard = f"; standard error of the student's means {' and '.join(known)} dB" if known else ""
    return f"histories {first}{last}{standard}"


def _predictor_lines(report: dict[str, Any]) -> Iterator[str]:
    if any(map(_star, report["targets"])):
        yield "* can't run here: its lowered graph, with its rounding emulated on the CPU"
    for condition, found in report["metrics"].items():
        yield f"{condition}: {_winner(found)}"
    for name, reason in report["not_applicable"].items():
        yield f"{_words(name)} does not apply: {reason}"
    for warning in report["warnings"]:
        yield f"warning: {warning}"


def _winner(found: Reports) -> str:
    best = min(found, key=lambda name: found[name]["mean_db"])
    gains = ", ".join(
        f"{row['mean_db'] - found[best]['mean_db']:.2f} dB ahead of {_words(name)}"
        for name, row in found.items()
        if name != best
    )
    return f"{_words(best)} wins{f': {gains}' if gains else ''}"


def _target_lines(report: dict[str, Any]) -> Iterator[str]:
    """Goals of the student once, then every target with its own."""
    goals = {
        target["target"]: [Goal.model_validate(goal) for goal in target["proof"]["goals"]]
        for target in report["targets"]
        if target["proof"]
    }
    every = [goal for some in goals.values() for goal in some]
    students = dict.fromkeys(goal.line for goal in every if goal.subject != "engine")
    if students:
        yield f"{_network(report)}:"
        yield from (f"  {line}" for line in students)
    for target in report["targets"]:
        if target["proof"] is None:
            yield f"{target['target']}: not built: {target['error']}"
            continue
        own = [goal for goal in goals[target["target"]] if goal.subject == "engine"]
        lost = missed(own)
        verdict = f"{len(lost)} of {len(own)} GOALS MISSED" if lost else f"all {len(own)} goals met"
        yield f"{target['bundle']}: {verdict}: {_network(report)}; {_engine(target, own)}"
        yield from (f"  {goal.line}" for goal in lost)


def _engine(target: dict[str, Any], goals: list[Goal]) -> str:
    """What the engine loses and computes in, and how near it comes to the student."""
    losses = [goal for goal in goals if goal.metric == "nmse_loss_db" and goal.value is not None]
    worst = sorted(losses, key=lambda goal: goal.value or 0.0)[-1:]
    parts = [
        f"loses at most {goal.value:+.4f} dB ({goal.scope.replace('_', ' ')}, {goal.condition})"
        for goal in worst
    ]
    parts.append(f"engine against student {target['proof']['relative_error_db']:.1f} dB")
    if facts := target["engine"]:
        shares = facts["multiplications"].items()
        multiplications = ", ".join(f"{100 * share:.3g} % {dtype}" for dtype, share in shares)
        parts += [f"multiplications {multiplications}"] if multiplications else []
        parts.append(f"fused attention kernels: {facts['attention_kernels'] or 'none'}")
    return "; ".join(parts)


def _int8_lines(report: dict[str, Any]) -> Iterator[str]:
    """What INT8 covers, what stayed in float and why, and whether it is worth it."""
    if found := report["quantization"]:
        yield (
            f"INT8: {100 * found['int8_share']:.0f} % of the multiplications with weights, "
            f"{found['quantize_nodes']} Q and {found['dequantize_nodes']} DQ nodes, "
            f"{found['range_method']} ranges"
        )
        for operator in found["operators"]:
            if operator["precision"] == "float":
                yield f"  {operator['layer']} stays in float: {operator['reason']}"
    for target in report["targets"]:
        if target["left_in_float"]:
            names = ", ".join(target["left_in_float"])
            yield f"{target['target']} computes in float although they are quantized: {names}"
    yield from map(_timing_line, report["timings"])
    if report["recommended"]:
        engine = next(t["engine"] for t in report["targets"] if t["target"] == report["recommended"])
        what = "" if "int8" in engine["multiplications"] else "; INT8 is not the fastest here"
        yield f"recommended: {report['recommended']}, the fastest that holds the goals{what}"


def _timing_line(timing: dict[str, Any]) -> str:
    line = f"{timing['target']}: {timing['p50_ms']:.2f} ms per user"
    if timing["target"] == timing["baseline"]:
        return line
    interval = f" ({timing['low']:.2f} to {timing['high']:.2f})" if timing["low"] else ""
    return f"{line}, {timing['ratio']:.2f}{interval} times {timing['baseline']}'s"


def _work(report: dict[str, Any]) -> str:
    if report["ran"]:
        return f"stages run: {', '.join(report['ran'])}; kept: {', '.join(report['kept']) or 'none'}"
    if any(target["written"] for target in report["targets"]):
        return "every stage is kept"
    return "nothing to do: every stage is kept and every bundle is as it was"


def _network(report: dict[str, Any]) -> str:
    network = report["network"]
    return f"{network['name']}, {network['parameters']:,} parameters"


def _star(target: dict[str, Any]) -> str:
    """The mark of an engine that was not run, but its lowered graph."""
    return "*" if target["engine"] and not target["engine"]["executed"] else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _db(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def print_plan(rows: list[dict[str, Any]], console: Console) -> None:
    """The stages of a run, and which of them are done already."""
    table = Table("stage", "key", "what happens")
    for row in rows:
        table.add_row(row["stage"], row["key"], "kept" if row["cached"] else "runs")
    console.print(table)
