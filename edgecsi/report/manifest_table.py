"""A bundle's manifest as terminal tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecsi.bundle import Manifest, Proof
from edgecsi.metrics import NmseReport

PREDICTORS = ("engine", "student", "teacher", "ridge_ar", "phase_rotation", "hold_last")


def print_manifest(manifest: Manifest, digest: str, console: Console) -> None:
    """What the bundle is, how well it predicts, and what it holds."""
    console.print(_facts(manifest, digest))
    console.print(_nmse(manifest.nmse))
    console.print(_files(manifest))


def _facts(manifest: Manifest, digest: str) -> Table:
    table = Table("field", "value", title=escape(manifest.name), show_header=False)
    table.columns[1].overflow = "fold"  # a digest is copied whole
    libraries = ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())
    proof = manifest.nmse
    goals = proof.goals
    rows = {
        "digest": digest,
        "target": f"{manifest.target} ({manifest.engine}, {manifest.precision})",
        "student": f"{manifest.student.name}, {manifest.student.parameters:,} parameters",
        "input": _tensor(manifest.input.name, manifest.input.dims, manifest.input.dtype),
        "output": _tensor(manifest.output.name, manifest.output.dims, manifest.output.dtype),
        "unit": manifest.input.unit,
        "step, horizon": f"{manifest.step_ms:g} ms, {manifest.horizon_ms:g} ms, {manifest.duplex.upper()}",
        "users per call": str(manifest.max_users or "any"),
        "built with": f"edgecsi {manifest.edgecsi}, {libraries}",
        "GPU architecture": manifest.gpu_architecture or "none: runs on the CPU",
        "calibration set": manifest.calibration_set or "none",
        "precision checked": f"on the {proof.precision_checked}",
        "engine executed": "yes" if proof.engine_executed else "no: its lowered graph was, on a CPU",
        "loss": f"{_db(proof.nmse_loss_db)} overall, goal {_db(goals.max_nmse_loss_db)}",
        "loss at worst speed": f"{_db(proof.worst_speed_loss_db)} at {proof.worst_speed_kmh or '-'} km/h, "
        f"goal {_db(goals.max_worst_speed_loss_db)}",
        "relative error": f"{_db(proof.relative_error_db)} against {proof.reference}",
        "goals": "met" if proof.goals_met else "missed",
    }
    for name, value in rows.items():
        table.add_row(name, escape(value))
    return table


def _nmse(proof: Proof) -> Table:
    table = Table(title=f"NMSE in dB on {proof.test_set.users} users of {escape(proof.test_set.id)}")
    reports = {name: getattr(proof, name) for name in PREDICTORS if getattr(proof, name)}
    speeds = sorted({speed for report in reports.values() for speed in report.per_speed_db}, key=float)
    for column in ("predictor", "mean", "pooled", *(f"{speed} km/h" for speed in speeds)):
        table.add_column(column, justify="left" if column == "predictor" else "right")
    for name, report in reports.items():
        table.add_row(name.replace("_", " "), *_nmse_columns(report, speeds))
    return table


def _nmse_columns(report: NmseReport, speeds: list[str]) -> list[str]:
    values = [
        report.nmse_mean_db,
        report.nmse_pooled_db,
        *(report.per_speed_db.get(speed) for speed in speeds),
    ]
    return ["-" if value is None else f"{value:.2f}" for value in values]


def _files(manifest: Manifest) -> Table:
    table = Table("name", "SHA-256", title="Files")
    table.columns[1].overflow = "fold"
    for name, digest in manifest.files.items():
        table.add_row(name, digest)
    return table


def _tensor(name: str, dims: tuple[int | None, ...], dtype: str) -> str:
    return f"{name} {dtype} [{', '.join('user' if dim is None else str(dim) for dim in dims)}]"


def _db(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} dB"
