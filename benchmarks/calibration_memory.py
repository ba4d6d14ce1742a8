"""Resident memory of calibration with small and with large sets: they are streamed, so it must not grow.

    python benchmarks/calibration_memory.py [--users 2000 20000] [--antennas 4]

Claim: flat between 2,000 and 20,000 users. Only memory is measured, so the datasets hold seeded Gaussian
noise instead of channels, and fewer antennas than the papers' 32 save time. Each size samples its
calibration set and takes the ranges of all activations in a process of its own, which holds no torch.
Writes benchmarks/results/calibration_memory.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import environment, memory_mb
from noise_dataset import write_noise

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.candidates import candidates
from edgecsi.calib.equalization import equalize
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.quantization import activation_thresholds
from edgecsi.calib.sampling import sample
from edgecsi.files import write_json
from edgecsi.radio import ArrayGeometry, RadioSetting

RESULT = Path(__file__).parent / "results" / "calibration_memory.json"
FLAT = 1.05  # largest over smallest
SPARE = 1.3  # users in the dataset per calibrating user: a tenth validates, a tenth tests
HELD_OUT = 16
GRAPH = "student.onnx"
STUDENT = "csi-alm-light"


def export_student(path: Path, radio: RadioSetting) -> None:
    """The student's graph, untrained."""
    import torch

    from edgecsi.export.onnx_graph import export_onnx
    from edgecsi.models import ModelConfig, build_network

    config = ModelConfig(name=STUDENT, radio=radio)
    torch.manual_seed(0)
    path.write_bytes(export_onnx(build_network(config).eval(), config.task, radio))


def calibrate(folder: Path, users: int) -> dict:
    """Sample a set and take its ranges; memory after either."""
    graph, path = (folder / GRAPH).read_bytes(), folder / "cal.h5"
    sample(folder / f"{users}.h5", path, CalibrationOptions(users=users, held_out=HELD_OUT))
    sampled = memory_mb()
    with CalibrationSet.open(path) as calibration:
        even = equalize(graph, calibration)
        thresholds = activation_thresholds(even, calibration, candidates(even), "mse")
    path.unlink()
    return {"users": users, "sampled_mb": sampled, "calibrated_mb": memory_mb(), "ranges": len(thresholds)}


def measure(users: int, radio: RadioSetting, folder: Path) -> dict:
    """Write a dataset and calibrate on it in a new process."""
    path = folder / f"{users}.h5"
    write_noise(path, radio, int(SPARE * users))
    command = [sys.executable, __file__, "--worker", str(folder), "--users", str(users)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    path.unlink()
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure every size, print and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[2000, 20_000])
    parser.add_argument("--antennas", type=int, default=4)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(calibrate(arguments.worker, arguments.users[0])))
        return
    radio = RadioSetting(array=ArrayGeometry(columns=arguments.antennas, rows=1, polarisations=1))
    with tempfile.TemporaryDirectory() as name:
        export_student(Path(name, GRAPH), radio)
        rows = [measure(users, radio, Path(name)) for users in arguments.users]
    peaks = [row["calibrated_mb"]["peak"] for row in rows]
    for row, peak in zip(rows, peaks, strict=True):
        print(f"{row['users']} users: peak {peak:.0f} MB")
    ratio = max(peaks) / min(peaks)
    print(f"largest over smallest peak: {ratio:.3f}")
    write_json(
        RESULT,
        {
            "antennas": radio.antennas,
            "rows": rows,
            "largest_over_smallest_peak": ratio,
            "target_ratio": FLAT,
            "target_met": ratio <= FLAT,
            "environment": environment(),
        },
    )


if __name__ == "__main__":
    main()
