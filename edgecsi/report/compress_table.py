"""The outcome of `compress` as a terminal table, drawn from compress.json."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PREDICTORS = ("hold_last", "phase_rotation", "ridge_ar", "teacher", "student")
SHOWN_SPEEDS = 3  # all of them are in compress.json


def print_compress(report: dict[str, Any], console: Console) -> None:
    """NMSE of every predictor and engine on the test users, who wins, and what each target lost."""
    predictors = {name: name.replace("_", " ") for name in PREDICTORS if name in report["nmse"]}
    rows = {shown: report["nmse"][name] for name, shown in predictors.items()}
    noisy = {shown: report["nmse_noisy"][name] for name, shown in predictors.items()}
    for target in report["targets"]:
        if target["proof"]:
            name = f"{target['target']}{'' if target['proof']['engine_executed'] else '*'}"
            rows[name], noisy[name] = target["proof"]["engine"], target["nmse_noisy"]
    console.print(_nmse_table(rows, noisy, report))
    if any(name.endswith("*") for name in rows):
        console.print(
            "* can't run here: its lowered graph, with its rounding emulated on the CPU", soft_wrap=True
        )
    noise = f"with noise of {report['noisy_snr_db']:g} dB SNR"
    console.print(f"on the channels as they are {_winner(report['nmse'])}", soft_wrap=True)
    console.print(f"{noise} {_winner(report['nmse_noisy'])}", soft_wrap=True)
    for target in report["targets"]:
        console.print(escape(_target_line(target)), soft_wrap=True)
    for line in _int8_lines(report):
        console.print(escape(line), soft_wrap=True)
    console.print(_work(report), soft_wrap=True)


def _nmse_table(
    rows: dict[str, dict[str, Any]], noisy: dict[str, dict[str, Any]], report: dict[str, Any]
) -> Table:
    """A row per predictor, the best in bold; as many speeds as a terminal of 80 columns shows."""
    speeds = sorted({speed for row in rows.values() for speed in row["per_speed_db"]}, key=float)
    step = max(1, -(-len(speeds) // SHOWN_SPEEDS))
    shown = speeds[::step]
    best = min(row["nmse_mean_db"] for row in rows.values())
    title = f"NMSE in dB on {report['test_set']['users']} test users (lower is better)"
    caption = f"noisy: mean with noise of {report['noisy_snr_db']:g} dB SNR added to the histories"
    caption += _standard_errors(report)
    table = Table(title=title, caption=caption)
    for column in ("predictor", "mean", "pooled", *(f"{speed} km/h" for speed in shown), "noisy"):
        table.add_column(column, justify="left" if column == "predictor" else "right", no_wrap=True)
    for name, row in rows.items():
        by_speed = (row["per_speed_db"].get(speed) for speed in shown)
        values = [row["nmse_mean_db"], row["nmse_pooled_db"], *by_speed, noisy[name]["nmse_mean_db"]]
        style = "bold" if row["nmse_mean_db"] == best else None
        table.add_row(escape(name), *("" if v is None else f"{v:.2f}" for v in values), style=style)
    return table


def _standard_errors(report: dict[str, Any]) -> str:
    """How well these users know the student's means."""
    given, noisy = (report[level]["student"].get("standard_error_db") for level in ("nmse", "nmse_noisy"))
    return f"; standard error of the student's means {given:.2f} and {noisy:.2f} dB" if given else ""


def _int8_lines(report: dict[str, Any]) -> list[str]:
    """What INT8 covers, what stayed in float and why, and whether it is worth it."""
    lines = []
    if found := report["quantization"]:
        lines.append(
            f"INT8: {100 * found['int8_share']:.0f} % of the multiplications with weights, "
            f"{found['quantize_nodes']} Q and {found['dequantize_nodes']} DQ nodes, "
            f"{found['range_method']} ranges"
        )
        floats = [operator for operator in found["operators"] if operator["precision"] == "float"]
        lines += [f"  {operator['layer']} stays in float: {operator['reason']}" for operator in floats]
    for target in report["targets"]:
        if target["left_in_float"]:
            names = ", ".join(target["left_in_float"])
            lines.append(f"{target['target']} computes in float although they are quantized: {names}")
    lines += [_timing_line(timing) for timing in report["timings"]]
    if report["recommended"]:
        what = "" if "-int8" in report["recommended"] else "; INT8 is not the fastest here"
        lines.append(f"recommended: {report['recommended']}, the fastest that holds the goals{what}")
    return lines


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


def _winner(nmse: dict[str, Any]) -> str:
    name = min(nmse, key=lambda who: nmse[who]["nmse_mean_db"])
    gains = ", ".join(
        f"{report['nmse_mean_db'] - nmse[name]['nmse_mean_db']:.2f} dB ahead of {other.replace('_', ' ')}"
        for other, report in nmse.items()
        if other != name
    )
    return f"{name.replace('_', ' ')} wins: {gains}"


def _target_line(target: dict[str, Any]) -> str:
    proof = target["proof"]
    if proof is None:
        return f"{target['target']}: not built: {target['error']}"
    verdict = "goals met" if proof["goals_met"] else "GOALS MISSED"
    return (
        f"{target['bundle']}: {verdict}: loses {proof['nmse_loss_db']:+.4f} dB overall, "
        f"{proof['worst_speed_loss_db']:+.4f} dB at worst ({proof['worst_speed_kmh']} km/h); "
        f"engine against student {proof['relative_error_db']:.1f} dB"
    )


def print_plan(rows: list[dict[str, Any]], console: Console) -> None:
    """The stages of a run, and which of them are done already."""
    table = Table("stage", "key", "what happens")
    for row in rows:
        table.add_row(row["stage"], row["key"], "kept" if row["cached"] else "runs")
    console.print(table)
