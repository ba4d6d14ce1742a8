import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.latency import verdicts
from edgecsi.latency.budgets import BUDGETS, same_at_every_scs
from edgecsi.latency.verdicts import queued

SLOT = next(budget for budget in BUDGETS if budget.name == "slot")
PERIOD = next(budget for budget in BUDGETS if budget.name == "cqi-period-4")  # 2000 us at 30 kHz


def judge(budget, times_us, rt_tuned=False):
    return verdicts.judge(budget, 30, times_us, times_us, rt_tuned)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=60), st.floats(1, 40))
def test_queued_follows_lindley(service, period):
    wait, expected = 0.0, []
    for time in service:
        expected.append(wait + time)
        wait = max(0.0, wait + time - period)
    assert queued(np.array(service), period) == pytest.approx(expected, abs=1e-9)


def test_report_path_passes_with_enough_calls_in_time():
    verdict = judge(PERIOD, np.full(7000, 1500.0))
    assert (verdict.outcome, verdict.margin_us, verdict.margin_at) == ("pass", 500.0, "p99.9")


def test_report_path_is_undecided_with_too_few_calls():
    verdict = judge(PERIOD, np.full(1000, 1500.0))
    assert verdict.outcome == "undecided"
    assert "1000 of 6636" in verdict.note


def test_service_slower_than_the_period_cannot_sustain():
    assert judge(PERIOD, np.full(7000, 2100.0)).outcome == "cannot sustain"


def test_a_late_call_delays_the_ones_after_it():
    service = np.full(7000, 1900.0)
    service[::1000] = 4900.0  # 7 slow calls, each followed by 29 that wait
    verdict = judge(PERIOD, service)
    assert verdict.misses > 7
    assert verdict.outcome == "fail"


def test_a_deadline_has_no_queue():
    times = np.full(7000, 1900.0)
    times[::1000] = 4900.0
    assert judge(same_at_every_scs("deadline", 2000.0, "test"), times).misses == 7


def test_one_percent_of_slow_calls_gives_the_exact_miss_count():
    times = np.full(10_000, 300.0)
    times[::100] = 1300.0
    verdict = judge(same_at_every_scs("one-ms", 1000.0, "test"), times)
    assert (verdict.misses, verdict.outcome) == (100, "fail")


def test_slot_path_is_never_passed_on_a_host_that_is_not_tuned():
    verdict = judge(SLOT, np.full(7000, 50.0))
    assert verdict.outcome == "undecided"
    assert "not RT-tuned" in verdict.note


def test_slot_path_fails_above_a_quarter_of_the_slot():
    assert judge(SLOT, np.full(7000, 200.0)).outcome == "fail"


def test_slot_path_needs_664_thousand_calls_and_no_miss_at_all():
    few = judge(SLOT, np.full(600_000, 50.0), rt_tuned=True)
    assert few.outcome == "undecided"
    assert "600000 of 663833" in few.note
    many = np.full(670_000, 50.0)
    assert judge(SLOT, many, rt_tuned=True).outcome == "pass"
    many[0] = 126.0
    assert judge(SLOT, many, rt_tuned=True).outcome == "fail"
