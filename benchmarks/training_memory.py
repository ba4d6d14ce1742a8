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

import numpy as np
import torch
from environment import environment, memory_mb

from edgecsi.channel import ChannelInfo, write_dataset
from edgecsi.csi import CsiShape
from edgecsi.files import write_json
from edgecsi.models import build_network
from edgecsi.models.losses import user_nmse
from edgecsi.training import Augmentation
from edgecsi.training.stage import TrainingData, config_of

RESULT = Path(__file__).parent / "results" / "training_memory.json"
FLAT = 1.05  # largest over smallest
SHAPE, BLOCK = CsiShape(), 100
USERS_PER_DROP = 10


def write_noise(path: Path, users: int) -> None:
    """A dataset of seeded Gaussian noise."""
    random = np.random.default_rng(0)
    info = ChannelInfo(scenario="noise", duplex="tdd", generator="numpy", generator_version=np.__version__)
    with write_dataset(path, info, SHAPE, users) as writer:
        for first in range(0, users, BLOCK):
            rows = np.arange(first, min(first + BLOCK, users))
            csi = random.standard_normal(
                (len(rows), SHAPE.antennas, SHAPE.history + SHAPE.future, SHAPE.subcarriers, 2), np.float32
            ).view(np.complex64)[..., 0]
            history, future = np.split(csi, [SHAPE.history], axis=2)
            writer.write(first, history, future, np.full(len(rows), 30.0), rows // USERS_PER_DROP)


def train(path: Path, steps: int) -> dict:
    """Train the student for some steps on noisy histories; memory after the first step and after the last."""
    data = TrainingData(path, augmentation=Augmentation((5.0, 20.0), draws=2))
    network = build_network(config_of("csi-alm-light", path, 0))
    optimizer = torch.optim.AdamW(network.parameters())
    with data.open(batch_users=32, batch_antennas=8) as source:
        digest = source.dataset.digest
        for step, batch in zip(range(steps), source.training_batches(0, rank=0, processes=1), strict=False):
            loss = user_nmse(network(batch.history), batch.future).mean()
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
    write_noise(path, users)
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
