"""The engines that benchmarks/int8.py compares: built by the stages, and measured on test users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from cpu_engines import computes_on_cpu

from edgecsi.bundle import Signature
from edgecsi.channel import Dataset, split
from edgecsi.export.targets import all_targets, get_target
from edgecsi.metrics import Energies, Report, loss
from edgecsi.models import ModelConfig, load, load_config
from edgecsi.stages import engine, graph
from edgecsi.stages.judging import Runner, make_runner, measure
from edgecsi.training import Augmentation
from edgecsi.users import Users

SNR_DB = (None, 20.0)  # None: clean
NOISE_SEED = 7
BATCH_USERS = 8
BASELINE = "ort-fp32"
_CPU = [target for target in all_targets() if all(map(computes_on_cpu, target.rows))]
FLOATS = [target.name for target in _CPU if not target.calibrated and target.name != BASELINE]
INT8 = [target.name for target in all_targets() if target.calibrated]

TestUsers = dict[float | None, list[Users]]  # SNR -> pieces, with the FP32 engine's predictions as student


def export_graph(student: Path, out: Path) -> ModelConfig:
    """Write the graph of a model folder; returns what the folder says."""
    config = load_config(student)
    graph.run(graph.Options(network=config.name), {"student": student}, new(out))
    return config


def export_plainly(student: Path, out: Path) -> None:
    """The graph as torch itself exports it, which nobody made faster."""
    config, network = load_config(student), load(student)
    signature = Signature.of(config.task, config.radio)
    torch.onnx.export(
        network,
        (torch.randn(2, *signature.input.user_dims),),
        new(out) / graph.GRAPH,
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("user", min=1)},),
        external_data=False,
        input_names=[signature.input.name],
        output_names=[signature.output.name],
    )


def builds_here(target: str) -> bool:
    """Whether this machine can build a target."""
    return get_target(target).why_not_build() is None


def build_engine(source: Path, target: str, out: Path) -> None:
    """An engine from the folder of a graph, as the stage builds it."""
    options = engine.Options(target=target, engine=get_target(target).engine)
    engine.run(options, {"graph": source}, new(out))


def load_runner(folder: Path, target: str, config: ModelConfig) -> Runner:
    """The engine of a folder, or its graph where this machine can't run it."""
    signature = Signature.of(config.task, config.radio)
    return make_runner(target, *engine.load_built(folder), config.task, signature)


def test_users(data: Path, reference: Runner, limit: int) -> TestUsers:
    """At most so many test users at every SNR, with what the FP32 engine predicts for them."""
    with Dataset.open(data) as dataset:
        tested = split(dataset).test
        tested = tested[np.linspace(0, len(tested) - 1, min(limit, len(tested))).astype(int)]
        found: TestUsers = {}
        for snr_db in SNR_DB:
            users = dataset.users(tested, Augmentation(snr_db, seed=NOISE_SEED))
            pieces = users.pieces(BATCH_USERS)
            found[snr_db] = [
                Users(some.inputs, some.targets, some.columns, reference.predict(some.inputs).copy())
                for some in pieces
            ]
    return found


def measured_rows(method: str, target: str, runner: Runner, tested: TestUsers) -> list[dict[str, Any]]:
    """One engine at every SNR, as JSON values."""
    task, rows = runner.task, []
    for snr_db, pieces in tested.items():
        found = measure(runner, pieces)
        before = Energies.join(task.energies(some.student, some.targets) for some in pieces)
        grouping = task.worst_grouping.name
        lost = loss(found.energies, before, found.labels[grouping])
        report, reference = found.report, Report.of(before, found.labels)
        speeds, fp32_speeds = report.groups[grouping], reference.groups[grouping]
        rows.append(
            {
                "method": method,
                "target": target,
                "snr_db": snr_db,
                "engine_executed": runner.executed,
                "nmse_db": report.mean_db,
                "fp32_nmse_db": reference.mean_db,
                "nmse_loss_db": lost.overall_db,
                "worst_speed_loss_db": lost.worst_db,
                "worst_speed_kmh": lost.worst_row,
                "relative_error_db": found.deviation.pooled_db(),
                "loss_per_speed_db": {row: value - fp32_speeds[row] for row, value in speeds.items()},
                "fp32_per_speed_db": fp32_speeds,
                "steps_db": report.steps_db,
                "fp32_steps_db": reference.steps_db,
            }
        )
    return rows


def new(folder: Path) -> Path:
    """The folder, made."""
    folder.mkdir(parents=True)
    return folder
