"""Reading a latency report back from its JSON, and the published schema of that JSON."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from edgecsi.errors import EdgeCsiError
from edgecsi.files import read_limited
from edgecsi.latency.report_schema import LatencyReport

MAX_BYTES = 1 << 26
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


def read_report(path: Path) -> LatencyReport:
    """The report in a JSON file. Raises EdgeCsiError when it isn't one."""
    try:
        return LatencyReport.model_validate_json(read_limited(path, MAX_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the top"
        raise EdgeCsiError(f"{path} is no latency report: {first['msg']} at {place}") from error


def schema_text() -> str:
    """JSON schema of a report, as it is kept in :data:`SCHEMA_FILE`."""
    return json.dumps(LatencyReport.model_json_schema(mode="serialization"), indent=1) + "\n"


if __name__ == "__main__":  # python -m edgecsi.latency.report_file: after a change of report_schema.py
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
