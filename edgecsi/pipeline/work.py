"""What each stage does: from files to files in the folder it is given. Heavy libraries load when it runs."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecsi.files import atomic_file, write_json
from edgecsi.pipeline.profiles import (
    CalibrationRecipe,
    DataRecipe,
    StudentRecipe,
    TeacherRecipe,
    TrainRecipe,
)

if TYPE_CHECKING:
    from edgecsi.bundle import Goals
    from edgecsi.channel import Dataset
    from edgecsi.training import Augmentation, TrainOptions
    from edgecsi.training.evaluation import ComplexPredictor
    from edgecsi.training.stage import TrainingData

DATA = "channels.h5"
MODEL = "model"
TARGETS = "targets.h5"
GRAPH = "student.onnx"
LOWERED = "lowered.onnx"
SCORES = "scores.json"
PREDICTIONS = "student.npy"
PROOF = "measured.json"
NOISY_PROOF = "noisy.json"
CALIBRATION = "calibration.h5"
QUANTIZED = "quantized.onnx"
QUANTIZATION = "quantization.json"
TIMING = "timing.json"
NOISY_SNR_DB = 20.0  # predictors are compared with such noise too: without any, the classical one always wins
RIDGE_USERS = 16  # validation users that choose the classical predictor's order and ridge


def generate(recipe: DataRecipe, seed: int, out: Path) -> None:
    """Channels by TR 38.901 -> channels.h5."""
    from edgecsi.channel.tr38901 import Recipe
    from edgecsi.channel.tr38901 import generate as draw
    from edgecsi.progress import progress_bar

    settings = recipe.model_dump()
    users = settings.pop("users")
    with progress_bar("channels") as show:
        draw(out / DATA, Recipe(**settings, seed=seed), users, show)


def train_teacher(
    recipe: TeacherRecipe, data: Path, backbone_folder: Path | None, seed: int, out: Path
) -> None:
    """channels.h5 -> model/ (CSI-ALM)."""
    from edgecsi.training.csi_alm import train_teacher as train

    options, training_data = _training(recipe, data, seed)
    train(training_data, recipe.backbone, backbone_folder, options, out / MODEL)


def make_targets(recipe: StudentRecipe, teacher: Path, data: Path, seed: int, out: Path) -> None:
    """Teacher and channels -> targets.h5."""
    from edgecsi.distill.stage import make_targets as make

    options, training_data = _training(recipe, data, seed)
    make(teacher, training_data, options, out / TARGETS)


def target_options(recipe: StudentRecipe) -> dict[str, Any]:
    """The part of a student's recipe that its teacher's targets depend on."""
    return recipe.model_dump(include={"max_users", "batch_antennas", "snr_db", "noise_draws"})


def train_student(recipe: StudentRecipe, targets: Path, data: Path, seed: int, out: Path) -> None:
    """targets.h5 and channels -> model/ (a student)."""
    from edgecsi.distill.stage import train_student as train
    from edgecsi.distill.task import DistillOptions

    options, training_data = _training(recipe, data, seed)
    distillation = DistillOptions(recipe.weight, recipe.relation_heads, recipe.relation_scope)
    train(targets / TARGETS, training_data, options, distillation, out / MODEL, recipe.network)


def score(data: Path, teacher: Path | None, student: Path, out: Path) -> None:
    """NMSE of teacher, student and classical predictors on the test users, and the student's outputs.

    -> scores.json: "given" and "noisy" (with noise of NOISY_SNR_DB added to the histories) -> predictor ->
    NmseReport; student.npy: complex64 [test user, antenna, P, K], from the histories as given.
    """
    from edgecsi.channel import Dataset
    from edgecsi.models import load
    from edgecsi.pipeline.testset import test_users
    from edgecsi.training import Augmentation, evaluate
    from edgecsi.training.evaluation import Remembering, network_predictor

    folders = {"teacher": teacher, "student": student}
    networks = {name: network_predictor(load(folder)) for name, folder in folders.items() if folder}
    given = Remembering(networks["student"])
    with Dataset.open(data) as dataset:
        users = test_users(dataset)

        def reports(noise: Augmentation, networks: dict[str, ComplexPredictor]) -> dict[str, Any]:
            predictors = _classical(dataset, noise) | networks
            return {
                name: evaluate(predict, dataset, users, noise).model_dump()
                for name, predict in predictors.items()
            }

        scores = {
            "given": reports(Augmentation(), networks | {"student": given}),
            "noisy": reports(Augmentation(NOISY_SNR_DB), networks),
        }
    array = io.BytesIO()  # numpy's own writing tells no reason when the disk is full
    np.save(array, given.predictions)
    with atomic_file(out / PREDICTIONS) as temporary:
        temporary.write_bytes(array.getbuffer())
    write_json(out / SCORES, scores)


def _classical(dataset: Dataset, noise: Augmentation) -> dict[str, ComplexPredictor]:
    """Predictors without training; order and ridge are chosen on validation users with the same noise."""
    from edgecsi.channel import split
    from edgecsi.models.baselines import choose_strong, hold_last, phase_rotation, strong_applies

    shape, duplex = dataset.shape, dataset.info.duplex
    found = {"hold_last": hold_last, "phase_rotation": phase_rotation}
    if strong_applies(shape, duplex):
        tuning = split(dataset).val[:RIDGE_USERS]
        history = noise(dataset.history(tuning), tuning, draw=0)
        found["ridge_ar"] = choose_strong(history, dataset.future(tuning), duplex)
    return {name: partial(predict, steps=shape.future) for name, predict in found.items()}


def export(student: Path, out: Path) -> None:
    """model/ -> student.onnx, and what a manifest says of the student."""
    from edgecsi.export.onnx_graph import export_onnx
    from edgecsi.models import load, load_config

    network, config = load(student), load_config(student)
    graph = export_onnx(network, config.shape)
    with atomic_file(out / GRAPH) as temporary:
        temporary.write_bytes(graph)
    facts = {
        "name": config.name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "shape": asdict(config.shape),
        "duplex": config.duplex,
        "step_ms": config.step_s * 1e3,
    }
    write_json(out / "student.json", facts)


def sample_calibration(recipe: CalibrationRecipe, data: Path, seed: int, out: Path) -> None:
    """channels.h5 -> calibration.h5, of training and validation users."""
    from edgecsi.calib.sampling import Recipe, sample
    from edgecsi.channel import Dataset, split

    with Dataset.open(data) as dataset:
        users = split(dataset)
    sample(
        data,
        out / CALIBRATION,
        Recipe(
            users=min(recipe.users, len(users.train)),
            held_out=min(recipe.held_out, len(users.val)),
            snr_db=(recipe.snr_db,),
            seed=seed,
        ),
    )


def quantize(graph: Path, calibration: Path, data: Path, goals: Goals, method: str, out: Path) -> None:
    """student.onnx and a calibration set -> quantized.onnx, with quantization.json about it."""
    from edgecsi.calib.calibration_set import CalibrationSet
    from edgecsi.calib.quantization import quantize_to_goals
    from edgecsi.channel import Dataset
    from edgecsi.pipeline.testset import test_users

    with CalibrationSet.open(calibration) as calibration_set, Dataset.open(data) as dataset:
        calibration_set.check_shape(dataset.shape)
        calibration_set.check_speeds(dataset.speed_kmh[test_users(dataset)])
        quantized = quantize_to_goals((graph / GRAPH).read_bytes(), calibration_set, goals, method)
    with atomic_file(out / QUANTIZED) as temporary:
        temporary.write_bytes(quantized.graph)
    write_json(out / QUANTIZATION, quantized.report.model_dump())


def build_engine(graph: Path, target_name: str, out: Path) -> None:
    """student.onnx or quantized.onnx -> lowered.onnx and the engine's files, with engine.json about them."""
    from edgecsi.export.targets import get_target

    target = get_target(target_name)
    lowered = target.lower(graph.read_bytes())
    built = target.build(lowered)
    facts = asdict(built)
    for name, content in {LOWERED: lowered, **facts.pop("files")}.items():
        with atomic_file(out / name) as temporary:
            temporary.write_bytes(content)
    write_json(out / "engine.json", {**facts, "target": target_name, "precision": target.precision})


def prove(data: Path, scores: Path, engine: Path, out: Path) -> None:
    """Run the engine on the test users.

    -> measured.json (edgecsi.pipeline.proof.Measured), noisy.json (NmseReport, with noise of NOISY_SNR_DB).
    """
    from edgecsi.channel import Dataset
    from edgecsi.pipeline.proof import load_runner, measure
    from edgecsi.pipeline.testset import test_cases, test_users
    from edgecsi.training import Augmentation, evaluate

    students = np.load(scores / PREDICTIONS, mmap_mode="r")
    runner = load_runner(engine)
    with Dataset.open(data) as dataset:
        measured = measure(runner, test_cases(dataset, students))
        noisy = evaluate(runner.predict, dataset, test_users(dataset), Augmentation(NOISY_SNR_DB))
    write_json(out / PROOF, measured.model_dump())
    write_json(out / NOISY_PROOF, noisy.model_dump())


def time_engines(graph: Path, engines: Mapping[str, Path], out: Path) -> None:
    """Engines by target -> timing.json: how fast each is on this machine."""
    from edgecsi.csi import CsiShape
    from edgecsi.pipeline.timing import time_engines as measure

    shape = CsiShape(**read_json(graph / "student.json")["shape"])
    write_json(out / TIMING, [timing.model_dump() for timing in measure(engines, shape)])


def read_json(path: Path) -> Any:
    """A JSON file that a stage wrote."""
    return json.loads(path.read_text())


def _training(recipe: TrainRecipe, data: Path, seed: int) -> tuple[TrainOptions, TrainingData]:
    from edgecsi.training import Augmentation, TrainOptions
    from edgecsi.training.stage import TrainingData

    options = TrainOptions(
        epochs=recipe.epochs,
        batch_users=recipe.batch_users,
        batch_antennas=recipe.batch_antennas,
        learning_rate=recipe.learning_rate,
        patience=recipe.patience,
        seed=seed,
    )
    draws = recipe.noise_draws if recipe.snr_db else 1
    return options, TrainingData(data, recipe.max_users, Augmentation(recipe.snr_db, draws, seed))
