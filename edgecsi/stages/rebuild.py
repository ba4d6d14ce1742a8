"""Another engine from a bundle's own ONNX graph, on the machine that will run it, without torch."""

from __future__ import annotations

from pathlib import Path

from edgecsi.bundle import GOLDEN_FILE, STUDENT_FILE, Bundle, Proof, TestSet, open_bundle
from edgecsi.errors import BundleError, DataError
from edgecsi.export.targets import Target, get_target
from edgecsi.metrics import GoalBounds, relative_error_db
from edgecsi.progress import say
from edgecsi.runtime.checks import agreement_db, conditions, judge
from edgecsi.stages.bundles import Subject, bundle_path, engine_facts, locked, manifest_for, place_bundle
from edgecsi.stages.judging import Runner, golden_goals, make_runner, predictions_of
from edgecsi.users import Users

REFERENCE = "the student's outputs in the golden set"


def rebuild(
    source: Path,
    target_name: str,
    path: Path | None = None,
    bounds: GoalBounds | None = None,
    digest: str | None = None,
    calibration: Path | None = None,
    accept_radio_mismatch: bool = False,
) -> Bundle:
    """Build `target_name` from the bundle `source` and write it as the bundle `path`.

    The engine is proven on the golden users, which is all the data that a bundle carries.

    Args:
        source: a bundle of any target.
        target_name: as listed by `edgecsi targets`.
        path: the bundle to write; by default `<target>-<network>.edgecsi` beside the source.
        bounds: what the engine may lose.
        digest: pins the source.
        calibration: the calibration set, which an INT8 target needs.
        accept_radio_mismatch: take a calibration set of another radio setting with the same shapes.

    Raises:
        BundleError: the source can't be used. DataError: the calibration set is missing or doesn't fit.
        UnavailableError, BuildError: the target can't be built here.
    """
    target = get_target(target_name)
    bounds = bounds or GoalBounds()
    old = open_bundle(source, digest)
    manifest, golden, graph = old.manifest, old.golden(), old.read(STUDENT_FILE)
    path = path or bundle_path(source.resolve().parent, target_name, manifest.network.name)
    if path.resolve() == source.resolve():
        raise BundleError(f"{path} is the bundle to build from, which never changes; name another with -o")
    calibration_set, start = None, graph
    if target.calibrated:
        if calibration is None:
            raise DataError(
                f"{target_name} needs a calibration set: --calibration FILE, made by `edgecsi calib sample`"
            )
        calibration_set, start = _quantize(old, golden, calibration, bounds, accept_radio_mismatch)
    lowered = target.lower(start)
    built = target.build(lowered)
    if built.left_in_float:
        say(f"{target_name} computes in float although they are quantized: {', '.join(built.left_in_float)}")
    runner = make_runner(target_name, built, lowered, manifest.the_task, manifest.signature)
    proof = _prove(old, golden, runner, target, bounds)
    engine = engine_facts(target_name, built, runner.executed)
    subject = Subject(manifest.the_task, manifest.radio, manifest.network, manifest.warnings)
    new = manifest_for(path, target_name, subject, engine, proof, calibration_set)
    with locked(path.resolve().parent):
        bundle, _ = place_bundle(path, new, built, graph, old.read(GOLDEN_FILE))
    return bundle


def _prove(old: Bundle, golden: Users, runner: Runner, target: Target, bounds: GoalBounds) -> Proof:
    """The new engine on the golden users; what the student was held to stays as it was found."""
    task, proof = old.manifest.the_task, old.manifest.proof
    prediction = runner.predict(golden.inputs)
    student, student_db = predictions_of(golden), proof.golden_student_db
    checks = judge(runner.predict, prediction, golden, task, target.promise, bounds, student_db)
    reports = {
        condition: {
            "student": task.report(student[mask], golden[mask]),
            "engine": task.report(prediction[mask], golden[mask]),
        }
        for condition, mask in conditions(golden)
    }
    return Proof(
        test_set=TestSet(id=f"golden set of {old.digest}", users=len(golden)),
        reference=REFERENCE,
        metrics=reports,
        goals=(*golden_goals(checks), *(goal for goal in proof.goals if goal.subject == "student")),
        relative_error_db=relative_error_db(prediction, student),
        golden_student_db=student_db,
        golden_engine_db=tuple(agreement_db(prediction, golden).tolist()),
    )


def _quantize(
    old: Bundle, golden: Users, calibration: Path, bounds: GoalBounds, accept: bool
) -> tuple[str, bytes]:
    """Id of the calibration set, and the Q/DQ graph."""
    from edgecsi.calib.calibration_set import CalibrationSet
    from edgecsi.calib.quantization import quantize_to_goals

    with CalibrationSet.open(calibration) as calibration_set:
        calibration_set.check_radio(old.manifest.radio, f"the bundle {old.path.name}", accept)
        calibration_set.check_groups(golden.columns)
        return calibration_set.id, quantize_to_goals(old.read(STUDENT_FILE), calibration_set, bounds).graph
