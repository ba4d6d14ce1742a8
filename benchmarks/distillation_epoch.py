"""What an epoch of distillation costs with the teacher's targets cached, and with the teacher running live.

    python benchmarks/distillation_epoch.py [--users 64] [--backbone smollm2] [--epochs 3]

Claim: cached is at least 5 times faster. Both ways take turns, epoch by epoch, over the same batches; the
teacher is untrained, which costs the same as a trained one. Both networks compute in FP32.

Writes benchmarks/results/distillation_epoch.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from environment import environment

from edgecsi.channel.tr38901 import generate
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.distill.loss import DistillLoss
from edgecsi.distill.options import DistillOptions
from edgecsi.distill.targets import Targets, write_targets
from edgecsi.files import write_json
from edgecsi.models import build_network
from edgecsi.models.prediction import Relations
from edgecsi.training import NetworkChoice
from edgecsi.training.batches import Batch, BatchSource, open_source
from edgecsi.training.train import new_config

RESULT = Path(__file__).parent / "results" / "distillation_epoch.json"
TARGET_RATIO = 5.0
OPTIONS = DistillOptions(batch_users=8, batch_antennas=8)
TEACHER, STUDENT = "csi-alm", "csi-alm-light"


def seconds(work: Callable[[], object]) -> dict[str, float]:
    """Wall clock, and processor time, which a busy machine changes less."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "processor": time.process_time() - cpu}


def train_epoch(
    loss_of: DistillLoss, optimizer: torch.optim.Optimizer, source: BatchSource, epoch: int
) -> None:
    """The steps of one epoch, as the training loop takes them."""
    for batch in source.training_batches(epoch, rank=0, processes=1):
        loss = loss_of(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def measure(data: Path, backbone: str, epochs: int, target_file: Path) -> dict:
    """Seconds of making the targets once and of every epoch, cached and live."""
    with open_source(data, OPTIONS, OPTIONS.batch_users) as source:
        radio = source.dataset.radio
        choices = NetworkChoice(network=TEACHER, backbone=backbone), NetworkChoice(network=STUDENT)
        teacher, student = (build_network(new_config(choice, radio)) for choice in choices)
        teacher.eval()
        optimizer = torch.optim.AdamW(student.parameters())

        def live(batch: Batch) -> Relations:
            with torch.no_grad():
                return teacher.predict(batch.inputs, relations=True).relations

        once = seconds(lambda: write_targets(target_file, teacher, source, key="benchmark"))
        with Targets(target_file) as targets:
            ways = {"cached": targets.relations, "live": live}
            losses = {way: DistillLoss(student, relations, OPTIONS) for way, relations in ways.items()}
            taken: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
            for epoch in range(epochs):
                for way, loss_of in losses.items():
                    epoch_of = partial(train_epoch, loss_of, optimizer, source, epoch)
                    taken[way].append(seconds(epoch_of))
                    print(f"epoch {epoch + 1} {way}: {taken[way][-1]['wall']:.1f} s")
        users = len(source.train)
    return {"training_users": users, "targets_once_s": once, "epochs_s": taken}


def main() -> None:
    """Measure, compare and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--backbone", default="smollm2")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, target_file = Path(folder) / "data.h5", Path(folder) / "targets.h5"
        generate(path, DataOptions(users=arguments.users, users_per_drop=2))
        measured = measure(path, arguments.backbone, arguments.epochs, target_file)
        megabytes = target_file.stat().st_size / 1e6
    cached, live = (
        statistics.median(row["wall"] for row in measured["epochs_s"][way]) for way in ("cached", "live")
    )
    print(f"an epoch: cached {cached:.2f} s, live {live:.2f} s, {live / cached:.1f} times as long")
    write_json(
        arguments.output,
        {
            "backbone": arguments.backbone,
            "threads": torch.get_num_threads(),
            "batch_users": OPTIONS.batch_users,
            "batch_antennas": OPTIONS.batch_antennas,
            **measured,
            "target_megabytes_per_user": megabytes / measured["training_users"],
            "live_over_cached": live / cached,
            "target_ratio": TARGET_RATIO,
            "target_met": live / cached >= TARGET_RATIO,
            "environment": environment(),
        },
    )


if __name__ == "__main__":
    main()
