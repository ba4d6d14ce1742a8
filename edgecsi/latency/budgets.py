"""Timing budgets as data: every deadline by name, in microseconds per subcarrier spacing.

Sources: 3GPP TS 38.211 table 4.3.2-1 (slots), TS 38.331 (CSI report periodicities), TS 38.214 clauses
5.3, 5.4 and 6.4 (processing times, in OFDM symbols with normal cyclic prefix), O-RAN (control loops).
Z, Z', N1 and N2 are processing times of the *UE*: yardsticks for a deployment there, not deadlines of
a base station.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

SLOT_US = {15: 1000.0, 30: 500.0, 60: 250.0, 120: 125.0}
SYMBOL_US = {scs: 1e6 * (2048 + 144) * 64 / (480e3 * 4096) / (scs / 15) for scs in SLOT_US}

Path = Literal["slot", "report", "ue", "loop"]


class Budget(BaseModel):
    """One deadline. `path` says which verdict applies to it.

    slot: a synchronous call inside the MAC slot; report: inference when the CSI arrives, which must keep
    up with `limit_us` as a period; ue: a UE's processing time; loop: a control loop.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    path: Path
    limit_us: dict[int, float]  # subcarrier spacing in kHz -> microseconds
    source: str


def _slots(name: str, count: int, path: Path, source: str) -> Budget:
    return Budget(
        name=name, path=path, limit_us={scs: count * us for scs, us in SLOT_US.items()}, source=source
    )


def _symbols(name: str, counts: tuple[int, int, int, int], source: str) -> Budget:
    limits = {scs: round(n * SYMBOL_US[scs], 1) for scs, n in zip(SLOT_US, counts, strict=True)}
    return Budget(name=name, path="ue", limit_us=limits, source=source)


CQI_PERIODS = (4, 5, 8, 10, 16, 20, 40, 80, 160, 320)  # slots

BUDGETS: tuple[Budget, ...] = (
    _slots("slot", 1, "slot", "TS 38.211 table 4.3.2-1"),
    *(
        _slots(f"cqi-period-{n}", n, "report", "TS 38.331, CSI-ReportPeriodicityAndOffset")
        for n in CQI_PERIODS
    ),
    _slots("feedback-2tti", 2, "report", "convention of this project: two TTIs of feedback delay"),
    _symbols("csi-z1-low", (10, 13, 25, 43), "TS 38.214 table 5.4-1, Z1 (UE)"),
    _symbols("csi-z1p-low", (8, 11, 21, 36), "TS 38.214 table 5.4-1, Z'1 (UE)"),
    _symbols("csi-z1", (22, 33, 44, 97), "TS 38.214 table 5.4-2, Z1 (UE)"),
    _symbols("csi-z1p", (16, 30, 42, 85), "TS 38.214 table 5.4-2, Z'1 (UE)"),
    _symbols("csi-z2", (40, 72, 141, 152), "TS 38.214 table 5.4-2, Z2 (UE)"),
    _symbols("csi-z2p", (37, 69, 140, 140), "TS 38.214 table 5.4-2, Z'2 (UE)"),
    _symbols("pdsch-n1", (8, 10, 17, 20), "TS 38.214 clause 5.3, N1, capability 1 (UE)"),
    _symbols("pusch-n2", (10, 12, 23, 36), "TS 38.214 clause 6.4, N2, capability 1 (UE)"),
    Budget(
        name="oran-rt-loop",
        path="loop",
        limit_us=dict.fromkeys(SLOT_US, 10000.0),
        source="O-RAN: real-time control loop below 10 ms",
    ),
)
