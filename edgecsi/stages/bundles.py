"""A bundle from what the stages made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from filelock import FileLock

from edgecsi.bundle import (
    GOLDEN_FILE,
    STUDENT_FILE,
    Bundle,
    EngineFacts,
    Manifest,
    NetworkFacts,
    Proof,
    Signature,
    open_bundle,
    write_bundle,
)
from edgecsi.errors import BundleError
from edgecsi.export.builders import BuiltEngine
from edgecsi.export.targets import get_target
from edgecsi.files import recover_folder, sweep
from edgecsi.radio import RadioSetting
from edgecsi.tasks import Task


@dataclass(frozen=True)
class Subject:
    """What a bundle is about: the task, the radio setting, the network, and what its user should know."""

    task: Task
    radio: RadioSetting
    network: NetworkFacts
    warnings: tuple[str, ...] = ()


def bundle_path(folder: Path, target: str, network: str) -> Path:
    """Where a bundle goes. The network is in its name, so that one name never means two networks."""
    return folder / f"{target}-{network}.edgecsi"


def engine_facts(target_name: str, built: BuiltEngine, executed: bool) -> EngineFacts:
    """The manifest's section on the engine."""
    return EngineFacts(
        name=built.engine,
        precision=get_target(target_name).precision,
        files=tuple(sorted(built.files)),
        max_users=built.max_users,
        libraries=built.libraries,
        gpu_architecture=built.gpu_architecture,
        precision_checked=built.precision_checked,
        multiplications=built.multiplications,
        attention_kernels=built.attention_kernels,
        executed=executed,
    )


def manifest_for(
    path: Path,
    target_name: str,
    subject: Subject,
    engine: EngineFacts,
    proof: Proof,
    calibration_set: str | None = None,
) -> Manifest:
    """The manifest of a new bundle. calibration_set: id of the one that an INT8 engine was calibrated on."""
    signature = Signature.of(subject.task, subject.radio)
    return Manifest(
        edgecsi=version("edgecsi"),
        name=path.name.removesuffix(".edgecsi"),
        target=target_name,
        task=subject.task.name,
        input=signature.input,
        output=signature.output,
        radio=subject.radio,
        horizon_ms=subject.radio.horizon_ms,
        network=subject.network,
        engine=engine,
        calibration_set=calibration_set,
        warnings=subject.warnings,
        proof=proof,
    )


def place_bundle(
    path: Path, manifest: Manifest, built: BuiltEngine, graph: bytes, golden: bytes
) -> tuple[Bundle, bool]:
    """Write the bundle unless the very same one is there; returns it and whether it was written.

    The caller holds the lock of the output folder, so what a killed writer left can be cleared away.
    """
    recover_folder(path)
    sweep(path)
    files = {**built.files, STUDENT_FILE: graph, GOLDEN_FILE: golden}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    try:
        old = open_bundle(path)
        if old.manifest == manifest.model_copy(update={"files": hashes}):
            return old, False
    except BundleError:
        pass  # none there, or a damaged one
    return write_bundle(path, manifest, files), True


def range_warnings(network: NetworkFacts, radio: RadioSetting, speeds_kmh: Sequence[float]) -> list[str]:
    """What lies beyond what a network was made for. speeds_kmh: of the users that it is tested on."""
    speeds = np.asarray(speeds_kmh, float)
    lines = []
    if network.trained is not None and (beyond := network.trained.beyond(speeds)).any():
        low, high = network.trained.speed_kmh
        lines.append(
            f"{beyond.sum()} of {len(speeds)} test users, {speeds[beyond].min():g} to "
            f"{speeds[beyond].max():g} km/h, are beyond the {low:g} to {high:g} km/h that {network.name} was "
            "trained for"
        )
    if network.doppler_band is not None:
        limit = radio.speed_at(network.doppler_band)
        if (fast := speeds > limit).any():
            lines.append(
                f"{fast.sum()} of {len(speeds)} test users are faster than {limit:.0f} km/h, where "
                f"{network.name}'s Doppler band of {network.doppler_band:g} cycles per sample ends at "
                f"{radio.carrier_hz / 1e9:g} GHz and {radio.step_ms:g} ms: it can't predict them"
            )
    return lines


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer of bundles in a folder at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".edgecsi.lock"):
        yield
