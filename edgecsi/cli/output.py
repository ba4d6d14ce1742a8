"""Where a verb's findings go: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from edgecsi.files import write_json


def emit(findings: Any, json_path: Path | None, show: Callable[[Console], None]) -> None:
    """Print the table, and write JSON where it is asked for; `-` prints JSON instead of the table."""
    if str(json_path) == "-":
        click.echo(json.dumps(findings, indent=2))
        return
    show(Console())
    if json_path:
        write_json(json_path, findings)
