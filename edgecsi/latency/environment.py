"""What latency numbers depend on: processor, quota, governor, isolation, scheduler, load, GPU, libraries."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from edgecsi.runtime.engine import ENGINES

LIBRARIES = ("edgecsi", "numpy", "torch", "pycuda")  # beside those of the engines
NOT_TUNED = "not RT-tuned: p99.9 and beyond belong to the host"


class Environment(BaseModel):
    """The machine. None means that the machine doesn't say."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    processor: str
    cpus_online: int
    cpus_allowed: list[int]
    cpu_quota: float | None  # cgroup, in CPUs; None: no quota
    governor: str | None
    isolated_cpus: list[int]
    smt_active: bool | None
    load_average: float  # of the last minute, before the first call
    gpus: list[str]  # name, driver, clocks now and at most, as nvidia-smi says
    kernel: str
    python: str
    libraries: dict[str, str]


def available_cpus() -> list[int]:
    """CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


def look() -> Environment:
    """The machine now."""
    smt = read_line("/sys/devices/system/cpu/smt/active")
    return Environment(
        processor=processor(),
        cpus_online=os.cpu_count() or 1,
        cpus_allowed=available_cpus(),
        cpu_quota=_quota(),
        governor=read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        isolated_cpus=cpu_list(read_line("/sys/devices/system/cpu/isolated") or ""),
        smt_active=None if smt is None else smt == "1",
        load_average=os.getloadavg()[0],
        gpus=_gpus(),
        kernel=platform.release(),
        python=platform.python_version(),
        libraries=_libraries(),
    )


def rt_missing(
    machine: Environment, scheduler: str, memory_locked: bool, cpus: Sequence[int] | None
) -> list[str]:
    """What a measuring process lacks to be called RT-tuned; empty when it lacks nothing."""
    isolated = cpus is not None and set(cpus) <= set(machine.isolated_cpus)
    met = {
        "real-time scheduler": scheduler in ("SCHED_FIFO", "SCHED_RR"),
        "locked memory": memory_locked,
        "isolated CPU": isolated,
        "performance governor": machine.governor == "performance",
    }
    return [what for what, is_met in met.items() if not is_met]


def cpu_list(text: str) -> list[int]:
    """The kernel's list format: "0,2-3" -> [0, 2, 3]."""
    cpus: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return cpus


def read_line(path: str) -> str | None:
    """A small file of the kernel, None where it doesn't exist."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def processor() -> str:
    """Model name of the processor."""
    for line in (read_line("/proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _quota() -> float | None:
    """cgroup v2 `cpu.max`, or v1 quota over period."""
    if text := read_line("/sys/fs/cgroup/cpu.max"):
        quota, period = text.split()
    else:
        quota = read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") or "-1"
        period = read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us") or "100000"
    return None if quota in ("max", "-1") else int(quota) / int(period)


def _gpus() -> list[str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    fields = "name,compute_cap,driver_version,clocks.sm,clocks.max.sm,clocks.mem,persistence_mode"
    command = [tool, f"--query-gpu={fields}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.strip().splitlines()


def _libraries() -> dict[str, str]:
    found = {}
    for name in dict.fromkeys([*LIBRARIES, *(name for row in ENGINES for name in row.libraries)]):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
