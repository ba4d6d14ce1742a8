"""How long an engine takes on this machine, and which radio deadlines it keeps.

`api` is the way in. A measurement goes: `plan` (how much) -> `session` (everything, in turns) ->
`cell_measurement` (one subject at one setting) -> `worker` (its own process) -> `warm_engine` (loaded, and
every output checked) -> `call_loops` (the timed calls). What is timed is in `timed_subjects` and `inputs`;
what is made of the times in `timing_summary`, `percentiles`, `verdicts`, `capacity` and `comparison`; the
deadlines in `budgets`; the report's schema in `report_schema`.
"""

from edgecsi.latency.api import latency_report
from edgecsi.latency.plan import make_plan
from edgecsi.latency.report_schema import LatencyReport, Plan, Setting, Subject
from edgecsi.latency.session import run_session
from edgecsi.latency.timed_subjects import BundleSubject, Measurable, NetworkSubject, Started

__all__ = [
    "BundleSubject",
    "LatencyReport",
    "Measurable",
    "NetworkSubject",
    "Plan",
    "Setting",
    "Started",
    "Subject",
    "latency_report",
    "make_plan",
    "run_session",
]
