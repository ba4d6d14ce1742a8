"""How much to measure: the quick, the default and the full plan, and when a run is long enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.environment import available_cpus, cpu_list, read_line
from edgecsi.latency.report_schema import Mode, Plan, Setting

ALL_MODES: tuple[Mode, ...] = ("back-to-back", "paced", "paced-stressed")
Extent = Literal["quick", "default", "full"]

# LoadGen's minimum is 1000 calls and 10 s; a verdict at p99.9 needs 6636 calls.
_EXTENTS: dict[Extent, dict[str, Any]] = {
    "quick": {
        "modes": ("back-to-back",),
        "starts": 1,
        "calls": 1000,
        "cap_seconds": 20.0,
        "paced_cap_seconds": 20.0,
        "network_cap_seconds": 10.0,
    },
    "default": {
        "modes": ALL_MODES,
        "starts": 3,
        "calls": 6636,
        "cap_seconds": 60.0,
        "paced_cap_seconds": 30.0,
        "network_cap_seconds": 15.0,
    },
    "full": {
        "modes": ALL_MODES,
        "starts": 5,
        "calls": 6636,
        "cap_seconds": 600.0,
        "paced_cap_seconds": 600.0,
        "network_cap_seconds": 15.0,
    },
}
_USERS: dict[Extent, tuple[int, ...]] = {
    "quick": (1, 8),
    "default": (1, 8),
    "full": (1, 2, 4, 8, 16, 32),
}
MIN_SECONDS = 10.0
NO_CAP_SECONDS = 86_400.0


def make_plan(
    extent: Extent = "default",
    *,
    users: Sequence[int] = (),
    threads: Sequence[int] = (),
    cpus: Sequence[int] = (),
    modes: Sequence[Mode] = (),
    calls: int | None = None,
    period: str | None = None,
    realtime: bool = False,
    seed: int = 0,
) -> Plan:
    """A plan of the given extent, changed where asked; `calls` calls are then made however long it takes.

    default: one thread, one thread pinned, all CPUs; full: every power of two of threads, pinned and not;
    quick: all CPUs. `cpus` pins every process to them. Raises EdgeCsiError for a CPU that isn't allowed.
    """
    if unknown := set(cpus) - set(available_cpus()):
        raise EdgeCsiError(f"CPU {sorted(unknown)[0]} can't be used; this process may use {available_cpus()}")
    facts = {**_EXTENTS[extent], "seconds": MIN_SECONDS}
    if calls is not None:
        facts |= {"calls": calls, "cap_seconds": NO_CAP_SECONDS, "paced_cap_seconds": NO_CAP_SECONDS}
    if modes:
        facts["modes"] = tuple(dict.fromkeys(modes))
    places = _places(extent, threads, tuple(cpus) or None)
    settings = (Setting(users=u, threads=t, cpus=c) for t, c in places for u in users or _USERS[extent])
    return Plan(**facts, settings=tuple(dict.fromkeys(settings)), period=period, realtime=realtime, seed=seed)


def _places(
    extent: Extent, threads: Sequence[int], cpus: tuple[int, ...] | None
) -> list[tuple[int, tuple[int, ...] | None]]:
    """Threads, and the CPUs that they are pinned to."""
    count = len(available_cpus())
    if threads or cpus:
        return [(n, cpus) for n in threads or (len(cpus or ()),)]
    if extent == "quick":
        return [(count, None)]
    if extent == "default":
        return [(1, None), (1, (pin_cpu(),)), (count, None)]
    powers = [1 << power for power in range(count.bit_length() - 1)] + [count]
    return [(n, place) for n in powers for place in (None, tuple(available_cpus()[-n:]))]


def pin_cpu() -> int:
    """Where one pinned thread goes: an isolated CPU, else the last one (interrupts prefer the first)."""
    allowed = available_cpus()
    isolated = cpu_list(read_line("/sys/devices/system/cpu/isolated") or "")
    return next((cpu for cpu in allowed if cpu in isolated), allowed[-1])


@dataclass(frozen=True)
class Stop:
    """When a run is long enough: both minima hold, or the cap is reached."""

    calls: float
    seconds: float
    cap_seconds: float

    def reached(self, calls: int, seconds: float) -> bool:
        """Whether `calls` calls in `seconds` seconds are enough."""
        return (calls >= self.calls and seconds >= self.seconds) or seconds >= self.cap_seconds


def back_to_back_stop(plan: Plan, kind: str) -> Stop:
    """For one process start: its share of the run. A network is a comparison, with a cap of its own."""
    cap = plan.network_cap_seconds if kind == "network" else plan.cap_seconds
    return Stop(plan.calls / plan.starts, plan.seconds / plan.starts, cap / plan.starts)


def paced_stop(plan: Plan) -> Stop:
    """For one paced run."""
    return Stop(plan.calls, plan.seconds, plan.paced_cap_seconds)
