"""A bundle's manifest as terminal tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.bundle import EngineFacts, Manifest, NetworkFacts, Proof, TensorSpec
from edgecsi.metrics import Report, label_order


def print_manifest(manifest: Manifest, digest: str, console: Console) -> None:
    """What the bundle is, how well it predicts, and what it holds."""
    console.print(_facts(manifest, digest))
    for condition, reports in manifest.proof.metrics.items():
        console.print(_nmse(manifest, condition, reports))
    for line in _remarks(manifest):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_files(manifest))


def _facts(manifest: Manifest, digest: str) -> Table:
    table = Table("field", "value", title=escape(manifest.name), show_header=False)
    table.columns[1].overflow = "fold"  # a digest is copied whole
    engine, proof = manifest.engine, manifest.proof
    libraries = ", ".join(f"{name} {version}" for name, version in engine.libraries.items())
    rows = {
        "digest": digest,
        "task": f"{manifest.task}: {manifest.the_task.summary}",
        "target": f"{manifest.target} ({engine.name}, {engine.precision})",
        "network": _network(manifest.network),
        "trained for": _trained(manifest.network),
        "radio": manifest.radio.words,
        "input": _tensor(manifest.input),
        "output": _tensor(manifest.output),
        "unit": manifest.input.unit,
        "horizon": f"{manifest.horizon_ms:g} ms",
        "users per call": str(engine.max_users or "any"),
        "built with": f"edgecsi {manifest.edgecsi}, {libraries}",
        "GPU architecture": engine.gpu_architecture or "none: runs on the CPU",
        "multiplications": _arithmetic(engine),
        "calibration set": manifest.calibration_set or "none",
        "precision checked": f"on the {engine.precision_checked}",
        "engine executed": "yes" if engine.executed else "no: its lowered graph was, on a CPU",
        "relative error": f"{proof.relative_error_db:.3f} dB against {proof.reference}",
        "golden users": f"{len(proof.golden_engine_db)}, the engine at most "
        f"{max(proof.golden_engine_db, default=0):.1f} dB off the student",
        "goals": "met" if proof.goals_met else "missed",
    }
    for name, value in rows.items():
        table.add_row(name, escape(value))
    return table


def _network(network: NetworkFacts) -> str:
    adapters = f", {network.adapters:,} of them in adapters" if network.adapters else ""
    return f"{network.name}, {network.parameters:,} parameters{adapters}"


def _trained(network: NetworkFacts) -> str:
    if network.trained is None:
        return "not recorded"
    (low, high), snr = network.trained.speed_kmh, network.trained.snr_db
    noise = f"{snr[0]:g} to {snr[1]:g} dB SNR" if snr else "clean histories"
    return f"{low:g} to {high:g} km/h, {noise}"


def _arithmetic(engine: EngineFacts) -> str:
    shares = ", ".join(f"{share:.1%} {kind}" for kind, share in engine.multiplications.items())
    return f"{shares or 'not counted'}; {engine.attention_kernels} attention kernels"


def _nmse(manifest: Manifest, condition: str, reports: dict[str, Report]) -> Table:
    """A row per predictor: overall, per row of the task's first grouping, per step ahead."""
    test_set, grouping = manifest.proof.test_set, manifest.the_task.worst_grouping
    table = Table(
        title=f"NMSE in dB, {escape(condition)}, on {test_set.users} users of {escape(test_set.id)}"
    )
    rows = label_order([row for report in reports.values() for row in report.groups.get(grouping.name, {})])
    steps = max((len(report.steps_db) for report in reports.values()), default=0)
    groups, ahead = (
        (escape(f"{row} {grouping.unit}") for row in rows),
        (f"step {i + 1}" for i in range(steps)),
    )
    table.add_column("predictor")
    for column in ("mean", "pooled", *groups, *ahead):
        table.add_column(column, justify="right")
    for name, report in reports.items():
        found = report.groups.get(grouping.name, {})
        values = [report.mean_db, report.pooled_db, *(found.get(row) for row in rows), *report.steps_db]
        table.add_row(escape(name), *("-" if value is None else f"{value:.2f}" for value in values))
    return table


def _remarks(manifest: Manifest) -> Iterator[str]:
    """Goals, predictors that don't apply, warnings."""
    proof: Proof = manifest.proof
    for goal in proof.goals:
        yield f"[{'green' if goal.met else 'red'}]goal[/] {escape(goal.line)}"
    for name, reason in proof.not_applicable.items():
        yield f"no {escape(name)}: {escape(reason)}"
    for warning in manifest.warnings:
        yield f"[yellow]warning[/]: {escape(warning)}"


def _files(manifest: Manifest) -> Table:
    table = Table("name", "SHA-256", title="Files")
    table.columns[1].overflow = "fold"
    for name, digest in manifest.files.items():
        table.add_row(escape(name), digest)
    return table


def _tensor(tensor: TensorSpec) -> str:
    sizes = ", ".join(
        axis if dim is None else f"{axis} {dim}" for axis, dim in zip(tensor.axes, tensor.dims, strict=True)
    )
    return f"{tensor.name} {tensor.dtype} [{sizes}]"
