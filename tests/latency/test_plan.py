import os

import pytest

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.plan import Stop, back_to_back_stop, make_plan

CPUS = sorted(os.sched_getaffinity(0))


def test_six_cells_by_default_where_there_is_more_than_one_cpu():
    plan = make_plan()
    assert len(plan.settings) == (6 if len(CPUS) > 1 else 4)
    assert {setting.users for setting in plan.settings} == {1, 8}
    assert sum(setting.cpus is not None for setting in plan.settings) == 2
    assert plan.modes == ("back-to-back", "paced", "paced-stressed")


def test_quick_is_back_to_back_on_all_cpus():
    plan = make_plan("quick")
    assert [(s.users, s.threads, s.cpus) for s in plan.settings] == [
        (1, len(CPUS), None),
        (8, len(CPUS), None),
    ]
    assert plan.modes == ("back-to-back",)


def test_full_is_a_grid_up_to_32_users():
    plan = make_plan("full")
    assert {setting.users for setting in plan.settings} == {1, 2, 4, 8, 16, 32}
    assert {setting.threads for setting in plan.settings} >= {1, len(CPUS)}


def test_what_was_asked_for_replaces_the_defaults():
    plan = make_plan(users=(3,), threads=(1,), cpus=(CPUS[-1],), modes=("paced",), calls=700_000)
    (setting,) = plan.settings
    assert (setting.users, setting.threads, setting.cpus) == (3, 1, (CPUS[-1],))
    assert plan.modes == ("paced",)
    assert plan.calls == 700_000
    assert plan.cap_seconds > 3600


def test_a_cpu_that_is_not_allowed_is_refused():
    with pytest.raises(EdgeCsiError, match="CPU 4096 can't be used"):
        make_plan(cpus=(4096,))


@pytest.mark.parametrize(
    ("calls", "seconds", "reached"),
    [(999, 11.0, False), (1000, 9.9, False), (1000, 10.0, True), (5, 60.0, True)],
)
def test_a_run_stops_when_both_minima_hold_or_at_the_cap(calls, seconds, reached):
    assert Stop(calls=1000, seconds=10.0, cap_seconds=60.0).reached(calls, seconds) is reached


def test_every_start_has_its_share():
    plan = make_plan("default")
    stop = back_to_back_stop(plan, "bundle")
    assert stop.calls * plan.starts == pytest.approx(plan.calls)
    assert stop.cap_seconds * plan.starts == pytest.approx(plan.cap_seconds)
