"""A latency report made of known times, with names that try to break out of a page."""

import numpy as np
import pytest

from edgecsi.latency import timing_summary
from edgecsi.latency.budgets import BUDGETS
from edgecsi.latency.capacity import capacities
from edgecsi.latency.comparison import compare
from edgecsi.latency.environment import look
from edgecsi.latency.plan import make_plan
from edgecsi.latency.report_schema import (
    Cell,
    Floor,
    GpuStages,
    LatencyReport,
    OutputCheck,
    Setting,
    Start,
    Subject,
)
from edgecsi.radio import RadioSetting

HOSTILE = "</td><script>alert(1)</script><b onmouseover='x'>&amp;"


def times(seed, median_us, calls=7000):
    return median_us * np.random.default_rng(seed).lognormal(sigma=0.05, size=calls)


def cell(seed, setting, median_us, nmse_db):
    service = times(seed, median_us)
    facts = {"service_us": service, "budgets": BUDGETS, "rt_tuned": False}
    run = timing_summary.run("back-to-back", service, seconds=service.sum() / 1e6, **facts)
    paced = timing_summary.run("paced", service, seconds=9.0, period_us=4 * median_us, **facts)
    return Cell(
        setting=setting,
        scheduler="SCHED_OTHER",
        memory_locked=False,
        realtime="not asked for",
        rt_missing=["real-time scheduler"],
        starts=[Start(load_ms=31.0, first_call_ms=4.0, warm_up_calls=99, p50_us=median_us)],
        outputs=OutputCheck(
            inputs=64, nmse_golden_db=nmse_db, nmse_untimed_db=nmse_db, nmse_timed_db=nmse_db, difference=0.0
        ),
        gpu=[GpuStages(cuda_graph=True, stages={"enqueue": timing_summary.timing(times(9, 17.0))})],
        runs=[run, paced],
    )


@pytest.fixture(scope="session")
def latency():
    """Two bundles that ran, a network, one bundle that could not run and one whose engine failed."""
    settings = (Setting(users=1, threads=1), Setting(users=8, threads=1))
    subjects = []
    for number, (name, kind, median) in enumerate(
        (("fast", "bundle", 900.0), (HOSTILE, "bundle", 1900.0), ("teacher", "network", 90_000.0))
    ):
        cells = [cell(number, s, median * s.users, -13.0 - number) for s in settings]
        row = Subject(name=name, kind=kind, engine="test", precision="fp32", digest="ab" * 32, cells=cells)
        subjects.append(row)
    subjects[0].network, subjects[0].parameters, subjects[0].radio = "toy-net", 27_458, RadioSetting()
    subjects[0].warnings = ["made for 10 to 100 km/h <only>"]
    subjects.append(Subject(name="gpu", kind="bundle", engine="t", precision="fp16", reason="no GPU <here>"))
    failed = Cell(setting=settings[0], reason="the engine returned NaN or infinity")
    subjects.append(Subject(name="nan", kind="bundle", engine="t", precision="fp32", cells=[failed]))
    return LatencyReport(
        created="2026-01-01T00:00:00+00:00",
        plan=make_plan().model_copy(update={"settings": settings}),
        environment=look(),
        budgets=list(BUDGETS),
        floors=[
            Floor(
                setting=settings[0],
                timing=timing_summary.timing(times(8, 0.06)),
                longest_gap_us=123.0,
                lost_share=0.01,
            )
        ],
        subjects=subjects,
        comparisons=[
            compare(
                HOSTILE,
                "fast",
                settings[0],
                [[times(1, 1900.0)] * 3] * 3,
                [[times(0, 900.0)] * 3] * 3,
                0.5,
                "p50",
            )
        ],
        capacities=[entry for row in subjects for entry in capacities(row)],
    )
