import json

import pytest

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.report_file import SCHEMA_FILE, read_report, schema_text


def test_a_report_is_read_back(report, tmp_path):
    path = tmp_path / "latency.json"
    path.write_text(report.model_dump_json())
    assert read_report(path) == report


def test_the_published_schema_is_the_reports():
    assert SCHEMA_FILE.read_text() == schema_text(), "run: python -m edgecsi.latency.report_file"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema_version": 1}, "schema_version"),
        ({"subjects": 3}, "subjects"),
        ({"extra": 1}, "extra"),
    ],
)
def test_anything_else_is_one_clear_line(report, tmp_path, change, says):
    path = tmp_path / "latency.json"
    path.write_text(json.dumps({**report.model_dump(mode="json"), **change}))
    with pytest.raises(EdgeCsiError, match=f"no latency report.*{says}"):
        read_report(path)
