"""Where a benchmark ran, written beside its numbers, and what memory it takes."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    "numpy",
    "h5py",
    "torch",
    "sionna-no-rt",
    "transformers",
    "onnx",
    "onnxruntime",
    "openvino",
    "tensorrt-rtx-cu13-bindings",
)
# A processor's name does not always tell what it can: the same "AMD EPYC" may lack AVX-512.
INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def environment() -> dict[str, object]:
    """Processor, cores, load, Python, library versions and the commit of edgecsi, as JSON values."""
    return {
        "cpu": _cpu_facts().get("model name") or platform.processor() or "unknown",
        "instruction_sets": [
            name for name in INSTRUCTION_SETS if name in _cpu_facts().get("flags", "").split()
        ],
        "cores": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "platform": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "edgecsi_commit": _commit(),
    }


def memory_mb() -> dict[str, float]:
    """Resident memory of this process, now and at its peak."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    fields = {"resident": "VmRSS", "peak": "VmHWM"}
    return {name: int(status[field].split()[0]) / 1024 for name, field in fields.items()}


def _cpu_facts() -> dict[str, str]:
    """The first processor's entries in /proc/cpuinfo."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
