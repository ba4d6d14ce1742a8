"""A table as JSON, and Markdown and a plot drawn from that JSON.

{"table": name, "about": ..., "settings": {...}, "environment": {...}, "panels": [
    {"title": ..., "x": ..., "unit": ..., "columns": [...], "steps_of": column, "rows": [
        {"name": ..., "facts": {...}, "reason": None or text, "values": {column: [one value per seed]},
         "steps_db": {column: [one list of the steps ahead per seed]}}]}]}

What was measured before steps were recorded has no `steps_db`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from edgecsi.files import write_json

matplotlib.use("svg")
from matplotlib import pyplot

Json = dict[str, Any]


def write_table(folder: Path, table: Json) -> None:
    """Write `<name>.json`, `.md` and `.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / table["table"]
    write_json(path.with_suffix(".json"), table)
    path.with_suffix(".md").write_text(markdown(table), encoding="utf-8")
    plot(table, path.with_suffix(".svg"))


def read_table(folder: Path, name: str) -> Json:
    """The table that `write_table` wrote."""
    return json.loads((folder / f"{name}.json").read_text())


def with_rows(table: Json, more: Json, order: Sequence[str]) -> Json:
    """The table with the rows of another of the same settings, in place of its own or in `order`.

    What `order` does not name keeps its place: before the rows that it names, or behind them.
    """
    if table["settings"] != more["settings"]:
        raise SystemExit(f"the table {table['table']} was measured with {table['settings']}")
    place = {name: index for index, name in enumerate(order)}
    new = {panel["title"]: panel for panel in more["panels"]}
    for panel in table["panels"]:
        found = {row["name"]: row for row in new[panel["title"]]["rows"]}
        rows = {row["name"]: row for row in panel["rows"]}
        names = list(rows)
        first = next((index for index, name in enumerate(names) if name in place), len(names))
        named = sorted(place.keys() & (rows.keys() | found.keys()), key=place.__getitem__)
        behind = [name for name in names[first:] if name not in place]
        merged = [found.get(name) or rows[name] for name in (*names[:first], *named, *behind)]
        panel |= new[panel["title"]] | {"rows": merged}
    return table | {"environment": more["environment"]}


def markdown(table: Json) -> str:
    """Every panel as a table, then what the rows are."""
    machine = table["environment"]
    lines = [f"# {table['table']}", "", table["about"], ""]
    lines += [f"Measured on {machine['cpu']}, {machine['cores']} cores, edgecsi {machine['edgecsi_commit']}."]
    for panel in table["panels"]:
        lines += ["", f"## {panel['title']}", ""]
        lines += [_line([f"{panel['unit']} by {panel['x']}", *panel["columns"]])]
        lines += ["|---" * (1 + len(panel["columns"])) + "|"]
        lines += [_line([row["name"], *_cells(row, panel)]) for row in panel["rows"]]
        lines += _steps(panel)
    heads = ["row", "in", "parameters", "trained or chosen on", "epochs", "hardware"]
    lines += ["", "## Rows", "", _line(heads), "|---" * len(heads) + "|"]
    lines += [_line(cells) for cells in _row_facts(table["panels"])]
    return "\n".join(lines) + "\n"


def _row_facts(panels: list[Json]) -> list[list[str]]:
    """What is behind each row, once for all panels in which it is the same."""
    seen: dict[tuple[str, ...], list[str]] = {}
    for panel in panels:
        for row in panel["rows"]:
            facts = row["facts"]
            users = facts.get("training_users")
            told = (
                f"{facts['parameters']:,}" if "parameters" in facts else "",
                facts.get("choice") or (f"{users} users" if users else ""),
                str(facts.get("epochs", "")),
                facts.get("hardware", ""),
            )
            if facts:
                seen.setdefault((row["name"], *told), []).append(panel["title"].partition(",")[0])
    return [[name, ", ".join(dict.fromkeys(where)), *told] for (name, *told), where in seen.items()]


def number(values: list[float], digits: int = 2) -> str:
    """Mean over seeds, with the smallest and largest where there are several."""
    mean = math.fsum(values) / len(values)
    spread = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def _cells(row: Json, panel: Json) -> list[str]:
    columns, values = panel["columns"], row["values"]
    if not values:
        return [row["reason"] or "", *[""] * (len(columns) - 1)]
    digits = panel.get("digits", 2)
    return [number(values[name], digits) if values.get(name) else "" for name in columns]


def _steps(panel: Json) -> list[str]:
    """The rows of one column by step ahead, those whose steps were recorded."""
    column = panel.get("steps_of")
    recorded = {row["name"]: row.get("steps_db", {}).get(column) for row in panel["rows"]}
    found = {name: seeds for name, seeds in recorded.items() if seeds}
    if not found:
        return []
    steps = [str(step + 1) for step in range(max(len(seed) for seeds in found.values() for seed in seeds))]
    lines = ["", _line([f"{panel['unit']} by step ahead, {column}", *steps]), "|---" * (1 + len(steps)) + "|"]
    rows = ((name, zip(*seeds, strict=True)) for name, seeds in found.items())
    return lines + [_line([name, *(number(list(step)) for step in by_step)]) for name, by_step in rows]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def plot(table: Json, path: Path) -> None:
    """A curve per row over the numeric columns, bars where there are none."""
    panels = table["panels"]
    matplotlib.rcParams["svg.hashsalt"] = table["table"]  # the same numbers give the same file
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(8, 4.5 * len(panels)), squeeze=False)
    for panel, axis in zip(panels, axes[:, 0], strict=True):
        rows = [row for row in panel["rows"] if row["values"]]
        numeric = [name for name in panel["columns"] if _is_number(name)]
        if len(numeric) > 1:
            _curves(axis, rows, numeric)
            axis.set_xlabel(panel["x"])
            axis.set_ylabel(panel["unit"])
        else:
            _bars(axis, rows, panel["columns"][-1])
            axis.set_xlabel(f"{panel['unit']}, {panel['columns'][-1]}")
        axis.set_title(panel["title"])
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _curves(axis: Any, rows: list[Json], columns: list[str]) -> None:
    for index, row in enumerate(rows):
        shown = [name for name in columns if row["values"].get(name)]
        places = [float(name) for name in shown]
        values = [row["values"][name] for name in shown]
        style = {"marker": "os^vDP"[index % 6], "markersize": 4, "color": f"C{index % 10}"}
        dashes = "-" if row["facts"].get("epochs") else "--"  # trained: solid
        means = [math.fsum(value) / len(value) for value in values]
        axis.plot(places, means, dashes, label=row["name"], **style)
        axis.fill_between(places, [*map(min, values)], [*map(max, values)], alpha=0.15, color=style["color"])
    axis.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def _bars(axis: Any, rows: list[Json], column: str) -> None:
    rows = [row for row in rows if row["values"].get(column)][::-1]
    means = [math.fsum(row["values"][column]) / len(row["values"][column]) for row in rows]
    axis.barh([row["name"] for row in rows], means)
    if means and min(means) > 0:
        axis.set_xscale("log")


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
