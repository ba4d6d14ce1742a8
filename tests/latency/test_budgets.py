import pytest

from edgecsi.latency.budgets import BUDGETS

BY_NAME = {budget.name: budget for budget in BUDGETS}


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("slot", (1000, 500, 250, 125)),
        ("cqi-period-4", (4000, 2000, 1000, 500)),
        ("cqi-period-10", (10000, 5000, 2500, 1250)),
        ("feedback-2tti", (2000, 1000, 500, 250)),
        ("csi-z1-low", (713.5, 463.8, 446.0, 383.5)),
        ("csi-z1", (1569.8, 1177.3, 784.9, 865.2)),
        ("csi-z2", (2854.2, 2568.8, 2515.2, 1355.7)),
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
