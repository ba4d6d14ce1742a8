import pytest
from engines import Broken, Crashing, HoldLast

from edgecsi.latency.results import LatencyReport
from edgecsi.latency.session import Stop, run_session
from edgecsi.latency.worker import Setting

SHORT = Stop(calls=1000, seconds=0.2)


@pytest.fixture(scope="module")
def report():
    """Good and bad engines measured together, as a user would compare them."""
    subjects = [
        HoldLast("steady", service=5e-4),
        HoldLast("slow", 5e-4, 1e-3, every=50),
        Broken("nan"),
        Crashing("crash"),
    ]
    return run_session(subjects, [Setting(users=2, threads=1)], stop=SHORT)


def only_cell(report, name):
    return next(subject for subject in report.subjects if subject.name == name).cells[0]


def test_minimum_of_calls_and_seconds_both_hold(report):
    run = only_cell(report, "steady").runs[0]
    assert run.calls >= SHORT.calls
    assert run.seconds >= SHORT.seconds


def test_percentiles_beyond_the_count_are_refused(report):
    run = only_cell(report, "steady").runs[0]
    assert "p99" in run.percentiles_us
    assert run.refused["p99.9"] == 6636


def test_an_injected_delay_in_one_of_50_calls_is_found(report):
    run = only_cell(report, "slow").runs[0]
    assert run.percentiles_us["p99"] >= 1500
    assert run.percentiles_us["p90"] < 1500


def test_an_engine_that_returns_nan_gets_a_reason_and_no_numbers(report):
    cell = only_cell(report, "nan")
    assert not cell.runs
    assert "NaN" in cell.reason


def test_an_engine_that_kills_its_process_spoils_only_its_own_row(report):
    assert "-6" in only_cell(report, "crash").reason
    assert only_cell(report, "steady").runs


def test_report_survives_json(report):
    assert LatencyReport.model_validate_json(report.model_dump_json()) == report
