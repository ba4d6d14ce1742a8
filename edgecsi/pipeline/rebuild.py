"""Another engine from a bundle's own ONNX graph, on the machine that will run it, without torch."""

from __future__ import annotations

from pathlib import Path

from edgecsi.bundle import STUDENT_FILE, Bundle, Goals, TestSet, open_bundle
from edgecsi.errors import BundleError
from edgecsi.export.targets import get_target
from edgecsi.pipeline.assemble import locked, manifest_for, place_bundle
from edgecsi.pipeline.proof import Case, make_runner, measure, proof_of

REFERENCE = "the student's outputs in the golden set"


def rebuild(source: Path, target_name: str, path: Path, goals: Goals, digest: str | None = None) -> Bundle:
    """Build `target_name` from the bundle `source` and write it as the bundle `path`.

    Proven on the golden users, which is all the data that a bundle carries. Raises BundleError for a bundle
    that can't be used, UnavailableError or BuildError for a target that can't be built here.
    """
    target = get_target(target_name)
    old = open_bundle(source, digest)
    if path.resolve() == source.resolve():
        raise BundleError(f"{path} is the bundle to build from, which never changes; name another with -o")
    golden, graph = old.golden(), old.read(STUDENT_FILE)
    lowered = target.lower(graph)
    built = target.build(lowered)
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
    manifest = manifest_for(path, target_name, built, student, proof)
    with locked(path.resolve().parent):
        bundle, _ = place_bundle(path, manifest, built, graph, golden)
    return bundle
