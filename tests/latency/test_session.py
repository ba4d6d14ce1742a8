import pytest
from engines import RADIO, HoldLast, Known, small_plan

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.report_schema import LatencyReport
from edgecsi.latency.session import run_session


def subject(report, name):
    return next(row for row in report.subjects if row.name == name)


def run(report, name, mode="back-to-back"):
    return next(run for run in subject(report, name).cells[0].runs if run.mode == mode)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_both_minima_hold_or_the_cap_was_reached(report, name):
    found, plan = run(report, name), report.plan
    assert (found.timing.calls >= plan.calls and found.seconds >= plan.seconds) or (
        found.seconds >= plan.cap_seconds
    )


@pytest.mark.parametrize("mode", ["back-to-back", "paced", "paced-stressed"])
def test_every_mode_is_measured(report, mode):
    found = run(report, "onnxruntime", mode)
    assert (found.period_us is None) == (mode == "back-to-back")
    assert (found.neighbour_cpu is None) == (mode != "paced-stressed")


def test_load_first_call_and_median_of_every_start(comparison_report):
    starts = comparison_report.subjects[0].cells[0].starts
    assert len(starts) == 3
    assert all(start.load_ms > 0 and start.first_call_ms > 0 and start.p50_us > 0 for start in starts)


def test_outputs_of_the_timed_run_have_the_nmse_of_untimed_ones(report):
    check = subject(report, "onnxruntime").cells[0].outputs
    assert check.nmse_timed_db == pytest.approx(check.nmse_untimed_db, abs=0.01)
    assert check.difference < 1e-3


def test_every_subject_is_judged_on_the_same_golden_users(report):
    ort, ov = (subject(report, name).cells[0].outputs for name in ("onnxruntime", "openvino"))
    assert ort.nmse_golden_db == pytest.approx(ov.nmse_golden_db, abs=0.01)


def test_golden_users_are_only_for_their_own_task_and_radio_setting():
    """Of two subjects with the same shapes, one samples every 5 ms: the other's users are not its own."""
    subjects = [Known("own"), Known("other", radio=RADIO.model_copy(update={"step_s": 5e-3}), brings=False)]
    own, other = (row.cells[0].outputs for row in run_session(subjects, small_plan(calls=20)).subjects)
    assert own.nmse_golden_db == pytest.approx(-20.0, abs=0.01)
    assert (other.nmse_golden_db, other.nmse_timed_db) == (None, None)


def test_a_bundle_that_cannot_run_here_has_a_reason_and_no_numbers(report):
    row = subject(report, "tensorrt")
    assert row.cells == []
    assert "tensorrt" in row.reason or "CUDA" in row.reason


def test_an_engine_that_returns_nan_gets_a_reason_and_no_numbers(report):
    assert all("NaN" in cell.reason and not cell.runs for cell in subject(report, "nan").cells)


def test_the_prediction_horizon_is_a_budget_of_the_bundle(report):
    horizon = next(v for v in run(report, "onnxruntime").verdicts if v.budget == "prediction-horizon")
    assert horizon.limit_us == 1000.0


def test_by_default_the_first_that_ran_is_the_baseline(report):
    assert {(entry.subject, entry.baseline) for entry in report.comparisons} == {("openvino", "onnxruntime")}


def test_the_named_baseline_is_the_reference_of_all_others(comparison_report):
    entries = [entry for entry in comparison_report.comparisons if entry.percentile == "p50"]
    assert [(entry.subject, entry.baseline) for entry in entries] == [("a", "b"), ("a (2)", "b")]
    assert all(entry.ratio < 1 for entry in entries)
    assert all((entry.samples, entry.sampled) == (3, "process starts") for entry in entries)


def test_not_tuned_is_stamped(report):
    assert "real-time scheduler" in subject(report, "onnxruntime").cells[0].rt_missing


def test_the_floor_is_measured_at_every_setting(report):
    assert [floor.setting for floor in report.floors] == list(report.plan.settings)
    assert all(floor.timing.percentiles_us["p50"] < 100 for floor in report.floors)


def test_report_survives_json(report):
    assert LatencyReport.model_validate_json(report.model_dump_json()) == report


def test_a_delay_of_a_millisecond_in_one_of_fifty_calls_is_found(comparison_report):
    """p99 from below only, since a busy host may add more; the median can't be the host's."""
    run = comparison_report.subjects[1].cells[0].runs[0]
    assert run.timing.percentiles_us["p99"] >= 1200
    assert run.timing.percentiles_us["p50"] < 1200
    late = next(v.misses for v in run.verdicts if (v.budget, v.scs_khz) == ("pdsch-n1", 15))  # 570.8 us
    assert late >= run.timing.calls // 50 - 3


def test_an_unknown_baseline_is_refused_before_anything_is_measured():
    with pytest.raises(EdgeCsiError, match="'c' is not measured; choose a, b"):
        run_session([HoldLast("a"), HoldLast("b")], small_plan(), baseline="c")


def test_an_engine_slower_than_the_period_cannot_sustain_it_and_is_not_paced_for_long():
    plan = small_plan(modes=("paced",), period="cqi-period-4@120", calls=100)
    report = run_session([HoldLast("slow", service=2e-3)], plan)
    paced = report.subjects[0].cells[0].runs[1]
    verdict = next(v for v in paced.verdicts if (v.budget, v.scs_khz) == ("cqi-period-4", 120))
    assert verdict.outcome == "cannot sustain"
    assert paced.period_us == 500.0
    assert paced.timing.calls <= 1000  # one stretch
    assert paced.timing.max_us >= 100 * 1500  # the queue has grown by 1.5 ms with every call
