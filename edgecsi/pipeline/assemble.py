"""A bundle from what the stages made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from edgecsi.bundle import (
    GOLDEN_FILE,
    STUDENT_FILE,
    Bundle,
    GoldenSet,
    Manifest,
    Proof,
    Student,
    TensorSpec,
    open_bundle,
    write_bundle,
)
from edgecsi.csi import CsiShape
from edgecsi.errors import BundleError
from edgecsi.export.builders import BuiltEngine
from edgecsi.export.targets import get_target
from edgecsi.files import recover_folder, sweep


def manifest_for(
    path: Path,
    target_name: str,
    built: BuiltEngine,
    student: Mapping[str, object],
    proof: Proof,
    calibration_set: str | None = None,
) -> Manifest:
    """The manifest of a new bundle. student: name, parameters, shape, duplex and step_ms of the network.

    calibration_set: id of the one that an INT8 engine was calibrated on.
    """
    shape = CsiShape(**student["shape"])
    return Manifest(
        edgecsi=version("edgecsi"),
        name=path.name.removesuffix(".edgecsi"),
        target=target_name,
        engine=built.engine,
        precision=get_target(target_name).precision,
        student=Student(name=student["name"], parameters=student["parameters"]),
        shape=shape,
        input=TensorSpec.history(shape),
        output=TensorSpec.future(shape),
        step_ms=student["step_ms"],
        horizon_ms=student["step_ms"] * shape.future,
        duplex=student["duplex"],
        max_users=built.max_users,
        libraries=built.libraries,
        gpu_architecture=built.gpu_architecture,
        calibration_set=calibration_set,
        nmse=proof,
    )


def place_bundle(
    path: Path, manifest: Manifest, built: BuiltEngine, graph: bytes, golden: GoldenSet
) -> tuple[Bundle, bool]:
    """Write the bundle unless the very same one is there; returns it and whether it was written.

    The caller holds the lock of the output folder, so what a killed writer left can be cleared away.
    """
    recover_folder(path)
    sweep(path)
    files = {**built.files, STUDENT_FILE: graph, GOLDEN_FILE: golden.to_bytes()}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    try:
        old = open_bundle(path)
        if old.manifest == manifest.model_copy(update={"files": hashes}):
            return old, False
    except BundleError:
        pass  # none there, or a damaged one
    return write_bundle(path, manifest, files), True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer of bundles in a folder at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".edgecsi.lock"):
        yield
