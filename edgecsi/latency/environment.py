"""What latency numbers depend on: processor, quota, governor, isolation, scheduler, load, libraries."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel

LIBRARIES = ("edgecsi", "numpy", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx", "pycuda", "torch")


class Environment(BaseModel):
    """The machine as seen by the measuring process. None means that the machine doesn't say."""

    processor: str
    cpus_online: int
    cpus_allowed: int
    cpu_quota: float | None  # cores' worth of time per period, cgroup
    governor: str | None
    isolated_cpus: str | None
    smt_active: bool | None
    scheduler: str
    memory_locked: bool
    load_average: float
    kernel: str
    python: str
    libraries: dict[str, str]
    rt_tuned: bool
    rt_missing: list[str]


SCHEDULERS = {os.SCHED_OTHER: "SCHED_OTHER", os.SCHED_FIFO: "SCHED_FIFO", os.SCHED_RR: "SCHED_RR"}


def available_cpus() -> list[int]:
    """CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


def environment() -> Environment:
    """Look at the machine now."""
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    isolated = _read("/sys/devices/system/cpu/isolated")
    smt = _read("/sys/devices/system/cpu/smt/active")
    scheduler = SCHEDULERS.get(os.sched_getscheduler(0), "other")
    locked = _status("VmLck").split()[0] not in ("", "0")
    missing = [
        what
        for what, met in {
            "real-time scheduler": scheduler in ("SCHED_FIFO", "SCHED_RR"),
            "locked memory": locked,
            "isolated CPU": bool(isolated),
            "performance governor": governor == "performance",
        }.items()
        if not met
    ]
    return Environment(
        processor=_processor(),
        cpus_online=os.cpu_count() or 1,
        cpus_allowed=len(available_cpus()),
        cpu_quota=_quota(),
        governor=governor,
        isolated_cpus=isolated or None,
        smt_active=None if smt is None else smt == "1",
        scheduler=scheduler,
        memory_locked=locked,
        load_average=os.getloadavg()[0],
        kernel=platform.release(),
        python=platform.python_version(),
        libraries=_libraries(),
        rt_tuned=not missing,
        rt_missing=missing,
    )


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _status(field: str) -> str:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    return "0"


def _processor() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _quota() -> float | None:
    """cgroup v2 `cpu.max`, or v1 quota over period."""
    if text := _read("/sys/fs/cgroup/cpu.max"):
        quota, period = text.split()
    else:
        quota = _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") or "-1"
        period = _read("/sys/fs/cgroup/cpu/cpu.cfs_period_us") or "100000"
    return None if quota in ("max", "-1") else int(quota) / int(period)


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
