"""Where a verb's findings go: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from edgecsi.console import CleanConsole
from edgecsi.files import write_json


def emit(findings: Any, json_path: Path | None, show: Callable[[Console], None]) -> None:
    """Print the table, and write JSON where it is asked for; `-` prints JSON instead of the table."""
    if str(json_path) == "-":
        click.echo(json.dumps(findings, indent=2))
        return
    show(CleanConsole())
    if json_path:
        write_json(json_path, findings)


def emit_fields(findings: Mapping[str, Any], json_path: Path | None) -> None:
    """:func:`emit` nested findings with one field a line, as `radio.array.columns`."""
    fields = dict(_flat(findings))
    width = max(map(len, fields), default=0)

    def show(console: Console) -> None:
        for name, value in fields.items():
            console.print(f"{name:<{width}}  {value}", highlight=False, markup=False, soft_wrap=True)

    emit(findings, json_path, show)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
