"""Resident memory of training on small and on large datasets: data are streamed, so it must not grow.

    python benchmarks/training_memory.py [--users 2000 20000] [--steps 200]

Claim: flat between 2,000 and 20,000 users. Only memory is measured, so the datasets hold seeded Gaussian
noise in the papers' shape instead of channels (5 GB for 20,000 users, in --folder). Each size trains the
student in a process of its own, after the dataset's digest as every training takes it. Writes
benchmarks/results/training_memory.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from environment import environment, memory_mb
from noise_dataset import write_noise

from edgecsi.files import write_json
from edgecsi.models import ModelConfig, build_network
from edgecsi.radio import RadioSetting
from edgecsi.training import TrainOptions
from edgecsi.training.batches import open_source
from edgecsi.training.loss import NmseLoss

RESULT = Path(__file__).parent / "results" / "training_memory.json"
FLAT = 1.05  # largest over smallest
STUDENT = "csi-alm-light"


def train(path: Path, steps: int) -> dict:
    """Train the student for some steps on noisy histories; memory after the first step and after the last."""
    options = TrainOptions(snr_db=(5.0, 20.0), noise_draws=2)
    with open_source(path, options, options.batch_users) as source:
        network = build_network(ModelConfig(name=STUDENT, radio=source.dataset.radio))
        loss_of = NmseLoss(network, options.objective)
        optimizer = torch.optim.AdamW(network.parameters())
        digest = source.dataset.digest
        for step, batch in zip(range(steps), source.training_batches(0, rank=0, processes=1), strict=False):
            loss = loss_of(batch)["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step == 0:
                first = memory_mb()
        users = len(source.train)
    return {"training_users": users, "digest": digest, "first_step_mb": first, "last_step_mb": memory_mb()}


def measure(users: int, steps: int, folder: Path) -> dict:
    """Write a dataset of this size and train on it in a new process."""
    path = folder / f"{users}.h5"
    write_noise(path, RadioSetting(), users)
    command = [sys.executable, __file__, "--train", str(path), "--steps", str(steps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row = {"users": users, "dataset_mb": path.stat().st_size / 1e6, **json.loads(done.stdout)}
    path.unlink()
    print(f"{users} users: {row['last_step_mb']['resident']:.0f} MB resident after {steps} steps")
    return row


def main() -> None:
    """Measure every size and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="Where the datasets are written for a while.")
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        print(json.dumps(train(arguments.train, arguments.steps)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        rows = [measure(users, arguments.steps, Path(folder)) for users in arguments.users]
    peaks = [row["last_step_mb"]["peak"] for row in rows]
    ratio = max(peaks) / min(peaks)
    print(f"largest over smallest peak: {ratio:.3f}")
    write_json(
        arguments.output,
        {
            "steps": arguments.steps,
            "rows": rows,
            "largest_over_smallest_peak": ratio,
            "target_ratio": FLAT,
            "target_met": ratio <= FLAT,
            "environment": environment(),
        },
    )


if __name__ == "__main__":
    main()
