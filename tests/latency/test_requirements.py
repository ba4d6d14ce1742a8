from edgecsi.latency.requirements import missed, parse


def only(report, name, **changes):
    rows = [row.model_copy(update=changes, deep=True) for row in report.subjects if row.name == name]
    return report.model_copy(update={"subjects": rows})


def test_a_budget_that_is_kept_everywhere_misses_nothing(comparison_report):
    """40 ms of a few microseconds with over 6636 calls could only be missed by a host that stands still."""
    easy = only(comparison_report, "a")
    for verdict in easy.subjects[0].cells[0].runs[0].verdicts:
        verdict.outcome = "pass"
    assert missed(easy, parse(["cqi-period-80"], easy.budgets)) == []


def test_undecided_is_a_miss(report):
    (line, *_) = missed(only(report, "onnxruntime"), parse(["oran-rt-loop"], report.budgets))
    assert "oran-rt-loop@30" in line
    assert "6636 calls" in line


def test_a_bundle_that_did_not_run_is_a_miss(report):
    (line,) = missed(only(report, "tensorrt"), parse(["oran-rt-loop"], report.budgets))
    assert "did not run" in line


def test_an_engine_that_failed_is_a_miss(report):
    (line,) = missed(only(report, "nan"), parse(["oran-rt-loop"], report.budgets))
    assert "NaN" in line


def test_networks_are_not_judged(report):
    assert missed(only(report, "onnxruntime", kind="network"), parse(["slot"], report.budgets)) == []


def test_the_prediction_horizon_can_be_required(report):
    assert any(
        "prediction-horizon@30" in line
        for line in missed(report, parse(["prediction-horizon"], report.budgets))
    )
