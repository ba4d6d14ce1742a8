"""Another engine from a bundle's own ONNX graph, on the machine that will run it, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import STUDENT_FILE, Bundle, Goals, TestSet, open_bundle
from edgecsi.errors import BundleError, DataError
from edgecsi.export.targets import get_target
from edgecsi.pipeline.assemble import locked, manifest_for, place_bundle
from edgecsi.pipeline.proof import Case, make_runner, measure, proof_of
from edgecsi.progress import say

REFERENCE = "the student's outputs in the golden set"


def rebuild(
    source: Path,
    target_name: str,
    path: Path,
    goals: Goals,
    digest: str | None = None,
    calibration: Path | None = None,
) -> Bundle:
    """Build `target_name` from the bundle `source` and write it as the bundle `path`.

    calibration: the calibration set, which an INT8 target needs. The engine is proven on the golden users,
    which is all the data that a bundle carries. Raises BundleError for a bundle that can't be used, DataError
    for a calibration set that is missing or doesn't fit, UnavailableError or BuildError for a target that
    can't be built here.
    """
    target = get_target(target_name)
    old = open_bundle(source, digest)
    if path.resolve() == source.resolve():
        raise BundleError(f"{path} is the bundle to build from, which never changes; name another with -o")
    golden, graph = old.golden(), old.read(STUDENT_FILE)
    calibration_set, start = None, graph
    if target.calibrated:
        calibration_set, start = _quantize(target_name, graph, calibration, old, golden.speed_kmh, goals)
    lowered = target.lower(start)
    built = target.build(lowered)
    if built.left_in_float:
        say(f"{target_name} computes in float although they are quantized: {', '.join(built.left_in_float)}")
    case = Case(golden.history, golden.student, golden.truth, golden.speed_kmh)
    measured = measure(make_runner(target_name, built, lowered), [case])
    proof = proof_of(
        measured,
        REFERENCE,
        {"student": measured.reference},
        TestSet(id=f"golden set of {old.digest}", users=len(golden.history)),
        built.precision_checked,
        goals,
    )
    student = {
        "name": old.manifest.student.name,
        "parameters": old.manifest.student.parameters,
        "shape": vars(old.manifest.shape),
        "duplex": old.manifest.duplex,
        "step_ms": old.manifest.step_ms,
    }
    manifest = manifest_for(path, target_name, built, student, proof, calibration_set)
    with locked(path.resolve().parent):
        bundle, _ = place_bundle(path, manifest, built, graph, golden)
    return bundle


def _quantize(
    target_name: str,
    graph: bytes,
    calibration: Path | None,
    bundle: Bundle,
    speed_kmh: NDArray[np.float32],
    goals: Goals,
) -> tuple[str, bytes]:
    """Id of the calibration set, and the Q/DQ graph. speed_kmh: of the users that will prove the engine."""
    if calibration is None:
        raise DataError(
            f"{target_name} needs a calibration set: --calibration FILE, made by `edgecsi calib sample`"
        )
    from edgecsi.calib.calibration_set import CalibrationSet
    from edgecsi.calib.quantization import quantize_to_goals

    with CalibrationSet.open(calibration) as calibration_set:
        calibration_set.check_shape(bundle.manifest.shape)
        calibration_set.check_speeds(speed_kmh)
        return calibration_set.id, quantize_to_goals(graph, calibration_set, goals).graph
