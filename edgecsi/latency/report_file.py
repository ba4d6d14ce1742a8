"""Reading a latency report back from its JSON."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.results import LatencyReport


def read_report(path: Path) -> LatencyReport:
    """The report in a JSON file. Raises EdgeCsiError when it isn't one."""
    try:
        return LatencyReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the top"
        raise EdgeCsiError(f"{path} is no latency report: {first['msg']} at {place}") from error
