import json
import subprocess
import sys

import pytest

EDGECSI = [sys.executable, "-c", "from edgecsi.cli import main; main()"]


def edgecsi(*arguments):
    return subprocess.run([*EDGECSI, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def json_file(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("json") / "latency.json"
    path.write_text(report.model_dump_json())
    return path


def test_a_written_report_is_shown_and_drawn_without_measuring(json_file, tmp_path):
    done = edgecsi("latency-report", "--from", json_file, "--html", tmp_path / "page.html", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json_file.read_text())
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_a_missed_requirement_exits_3_and_says_by_how_much(json_file):
    done = edgecsi("latency-report", "--from", json_file, "--require", "slot@120")
    assert done.returncode == 3
    assert "slot@120" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to time"),
        (("nowhere.edgecsi",), "nowhere.edgecsi is no bundle"),
        (("--network", "nowhere"), "nowhere is no model folder"),
        (("--from", "nowhere.json"), "nowhere.json"),
    ],
)
def test_wrong_input_is_one_clear_line(arguments, says, tmp_path):
    done = subprocess.run(
        [*EDGECSI, "latency-report", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode in (1, 2)
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_an_unknown_budget_is_refused_before_anything_is_measured(bundles):
    done = edgecsi("latency-report", bundles / "onnxruntime.edgecsi", "--require", "sloth")
    assert done.returncode == 1
    assert "there is no budget 'sloth'" in done.stderr


def test_nothing_is_written_into_a_bundle(bundles):
    bundle = bundles / "onnxruntime.edgecsi"
    done = edgecsi("latency-report", bundle, "--json", bundle / "latency.json")
    assert done.returncode == 2
    assert "a bundle never changes" in done.stderr


def test_budgets_lists_the_built_in_and_the_users(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("budgets: [{name: site, path: deadline, limit_us: 5, source: us}]")
    done = edgecsi("budgets", "--budgets", own, "--json", "-")
    names = [row["name"] for row in json.loads(done.stdout)]
    assert names[0] == "slot"
    assert names[-1] == "site"
