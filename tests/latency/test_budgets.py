import pytest

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.budgets import BUDGETS, find_budget

BY_NAME = {budget.name: budget for budget in BUDGETS}


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("slot", (1000, 500, 250, 125)),
        ("cqi-period-4", (4000, 2000, 1000, 500)),
        ("cqi-period-5", (5000, 2500, 1250, 625)),
        ("cqi-period-8", (8000, 4000, 2000, 1000)),
        ("cqi-period-10", (10000, 5000, 2500, 1250)),
        ("feedback-2tti", (2000, 1000, 500, 250)),
        ("csi-z1-low", (713.5, 463.8, 446.0, 383.5)),
        ("csi-z1p-low", (570.8, 392.4, 374.6, 321.1)),
        ("csi-z1", (1569.8, 1177.3, 784.9, 865.2)),
        ("csi-z1p", (1141.7, 1070.3, 749.2, 758.1)),
        ("csi-z2", (2854.2, 2568.8, 2515.2, 1355.7)),
        ("csi-z2p", (2640.1, 2461.7, 2497.4, 1248.7)),
        ("pdsch-n1", (570.8, 356.8, 303.3, 178.4)),
        ("pusch-n2", (713.5, 428.1, 410.3, 321.1)),
        ("oran-rt-loop", (10000, 10000, 10000, 10000)),
    ],
)
def test_limits_in_microseconds(name, limits):
    assert tuple(BY_NAME[name].limit_us.values()) == pytest.approx(limits, abs=0.06)


def test_every_cqi_period_of_38331_is_there():
    periods = {int(name.removeprefix("cqi-period-")) for name in BY_NAME if name.startswith("cqi-period-")}
    assert periods == {4, 5, 8, 10, 16, 20, 40, 80, 160, 320}


def test_processing_times_are_marked_as_the_ues():
    assert {budget.name for budget in BUDGETS if budget.ue} == {
        *("csi-z1-low", "csi-z1p-low", "csi-z1", "csi-z1p", "csi-z2", "csi-z2p", "pdsch-n1", "pusch-n2")
    }


@pytest.mark.parametrize(("wanted", "scs"), [("slot", 30), ("slot@120", 120)])
def test_a_name_with_and_without_spacing(wanted, scs):
    assert find_budget(wanted, BUDGETS) == (BY_NAME["slot"], scs)


@pytest.mark.parametrize(("wanted", "says"), [("sloth", "known: slot, cqi"), ("slot@45", "15, 30, 60, 120")])
def test_an_unknown_name_or_spacing_lists_the_known_ones(wanted, says):
    with pytest.raises(EdgeCsiError, match=says):
        find_budget(wanted, BUDGETS)
