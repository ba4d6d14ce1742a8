import io

import pytest
from rich.console import Console

from edgecsi.latency.budgets import BUDGETS
from edgecsi.report.budget_table import print_budgets
from edgecsi.report.latency_table import print_latency


@pytest.fixture(scope="module")
def text(latency):
    console = Console(file=io.StringIO())
    print_latency(latency, console)
    return console.file.getvalue()


def test_percentiles_in_milliseconds(latency, text):
    run = latency.subjects[0].cells[0].runs[0]
    row = next(line for line in text.splitlines() if "fast" in line and "b2b" in line)
    assert all(f"{run.timing.percentiles_us[p] / 1e3:.2f}" in row for p in ("p50", "p90", "p99", "p99.9"))


def test_margins_carry_a_mark_that_needs_no_colour(latency, text):
    verdict = next(v for v in latency.subjects[0].cells[0].runs[1].verdicts if v.budget == "cqi-period-4")
    assert verdict.outcome == "pass"
    assert f"\u2713 {verdict.margin_us / 1e3:+.2f}" in text


def test_reasons_stamp_ratio_and_floor_are_said(text):
    assert "gpu did not run: no GPU <here>" in text
    assert "nan: the engine returned NaN or infinity (1 user, 1 thread)" in text
    assert "not RT-tuned" in text
    assert "2.1" in next(line for line in text.splitlines() if "process starts" in line)
    assert "an empty call takes 0.06 us" in text


def test_the_network_its_setting_and_its_warnings_are_said(text):
    assert "fast: toy-net, 27,458 parameters, TDD, 4x4x2 array, 2.4 GHz" in text
    assert "fast: warning: made for 10 to 100 km/h <only>" in text


def test_markup_in_a_name_is_only_text(latency):
    row = latency.subjects[0].model_copy(update={"name": "[red]x[/red]"})
    console = Console(file=io.StringIO())
    print_latency(latency.model_copy(update={"subjects": [row]}), console)
    assert "[red]x[/red]" in console.file.getvalue()


def test_every_budget_is_listed():
    console = Console(file=io.StringIO())
    print_budgets(BUDGETS, console)
    text = console.file.getvalue()
    assert all(budget.name in text for budget in BUDGETS)
    assert "2854.2" in text
