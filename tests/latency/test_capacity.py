import pytest

from edgecsi.latency.capacity import capacities, users_that_fit
from edgecsi.latency.report_schema import Cell, Run, Setting, Subject, Timing, Verdict

TIMING = Timing(calls=1, mean_us=1, min_us=1, max_us=1, percentiles_us={}, observed_us={}, refused={})


def cell(users, outcome):
    verdict = Verdict(
        budget="slot",
        scs_khz=30,
        limit_us=1,
        judged="p99.9",
        outcome=outcome,
        margin_us=None,
        margin_at=None,
        misses=0,
    )
    run = Run(
        mode="back-to-back",
        seconds=1,
        timing=TIMING,
        cdf=[],
        histogram_edges_us=[],
        histogram_counts=[],
        verdicts=[verdict],
    )
    return Cell(setting=Setting(users=users, threads=1), runs=[run])


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ({1: "pass", 8: "pass"}, "8+"),
        ({8: "fail", 1: "pass"}, "1-7"),
        ({1: "pass", 2: "cannot sustain"}, "1"),
        ({1: "fail", 8: "fail"}, "0"),
        ({1: "undecided", 8: "undecided"}, "?"),
        ({1: "undecided", 8: "fail"}, "<8"),
        ({1: "pass", 8: "undecided"}, "1+"),
        ({1: "undecided", 8: "pass"}, "?"),  # more users can't be easier
    ],
)
def test_users_that_fit(outcomes, text):
    cells = [cell(users, outcome) for users, outcome in outcomes.items()]
    subject = Subject(name="x", kind="bundle", engine="e", precision="fp32", cells=cells)
    (entry,) = capacities(subject)
    assert users_that_fit(entry) == text
