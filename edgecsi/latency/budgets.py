"""Timing budgets as data: every deadline by name, in microseconds per subcarrier spacing.

Sources: 3GPP TS 38.211 table 4.3.2-1 (slots), TS 38.331 (CSI report periodicities), TS 38.214 clauses
5.3, 5.4 and 6.4 (processing times, in OFDM symbols with normal cyclic prefix), O-RAN (control loops).
Z, Z', N1 and N2 are processing times of the *UE*: yardsticks for a deployment there, not deadlines of
a base station.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat

from edgecsi.errors import EdgeCsiError

DEFAULT_SCS = 30
HORIZON = "prediction-horizon"  # a budget that every bundle brings: how far ahead it predicts
SLOT_US = {15: 1000.0, 30: 500.0, 60: 250.0, 120: 125.0}
SYMBOL_US = {scs: 1e6 * (2048 + 144) * 64 / (480e3 * 4096) / (scs / 15) for scs in SLOT_US}


def _check_scs(khz: int) -> int:
    if khz not in SLOT_US:
        raise ValueError(f"{khz} kHz is no subcarrier spacing; choose from 15, 30, 60, 120")
    return khz


Scs = Annotated[int, AfterValidator(_check_scs)]  # kHz
Path = Literal["slot", "report", "deadline"]


class Budget(BaseModel):
    """One deadline. `path` says how it is judged (verdicts.py).

    slot: a synchronous call inside the MAC slot. report: inference when the CSI arrives; `limit_us` is also
    the period at which it arrives. deadline: latency alone. `ue`: the yardstick is a UE's, not a base
    station's.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    name: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")
    path: Path
    limit_us: dict[Scs, PositiveFloat] = Field(min_length=1)  # by subcarrier spacing
    source: str
    ue: bool = False


def _slots(name: str, count: int, path: Path, source: str) -> Budget:
    limits = {scs: count * us for scs, us in SLOT_US.items()}
    return Budget(name=name, path=path, limit_us=limits, source=source)


def _symbols(name: str, counts: tuple[int, int, int, int], source: str) -> Budget:
    limits = {scs: round(n * SYMBOL_US[scs], 1) for scs, n in zip(SLOT_US, counts, strict=True)}
    return Budget(name=name, path="deadline", limit_us=limits, source=source, ue=True)


def same_at_every_scs(name: str, limit_us: float, source: str) -> Budget:
    """A deadline that doesn't depend on the subcarrier spacing."""
    return Budget(name=name, path="deadline", limit_us=dict.fromkeys(SLOT_US, limit_us), source=source)


CQI_PERIODS = (4, 5, 8, 10, 16, 20, 40, 80, 160, 320)  # slots

BUDGETS: tuple[Budget, ...] = (
    _slots("slot", 1, "slot", "TS 38.211 table 4.3.2-1"),
    *(
        _slots(f"cqi-period-{n}", n, "report", "TS 38.331, CSI-ReportPeriodicityAndOffset")
        for n in CQI_PERIODS
    ),
    _slots("feedback-2tti", 2, "report", "convention of this project: two TTIs of feedback delay"),
    _symbols("csi-z1-low", (10, 13, 25, 43), "TS 38.214 table 5.4-1, Z1"),
    _symbols("csi-z1p-low", (8, 11, 21, 36), "TS 38.214 table 5.4-1, Z'1"),
    _symbols("csi-z1", (22, 33, 44, 97), "TS 38.214 table 5.4-2, Z1"),
    _symbols("csi-z1p", (16, 30, 42, 85), "TS 38.214 table 5.4-2, Z'1"),
    _symbols("csi-z2", (40, 72, 141, 152), "TS 38.214 table 5.4-2, Z2"),
    _symbols("csi-z2p", (37, 69, 140, 140), "TS 38.214 table 5.4-2, Z'2"),
    _symbols("pdsch-n1", (8, 10, 17, 20), "TS 38.214 clause 5.3, N1, capability 1"),
    _symbols("pusch-n2", (10, 12, 23, 36), "TS 38.214 clause 6.4, N2, capability 1"),
    same_at_every_scs("oran-rt-loop", 10_000.0, "O-RAN: real-time control loop below 10 ms"),
)


def find_budget(wanted: str, budgets: Sequence[Budget]) -> tuple[Budget, int]:
    """The budget and subcarrier spacing that NAME or NAME@KHZ means (30 kHz when not said).

    Raises EdgeCsiError for an unknown name or a spacing that the budget doesn't have.
    """
    name, _, scs = wanted.partition("@")
    budget = next((budget for budget in budgets if budget.name == name), None)
    if budget is None:
        known = ", ".join(budget.name for budget in budgets)
        raise EdgeCsiError(f"there is no budget {name!r}; known: {known}")
    spacings = {str(known): known for known in budget.limit_us}
    if (scs or str(DEFAULT_SCS)) not in spacings:
        raise EdgeCsiError(f"{name} has no limit at {scs or DEFAULT_SCS} kHz; it has {', '.join(spacings)}")
    return budget, spacings[scs or str(DEFAULT_SCS)]
