"""Does the engine predict as well as the network it was made from? Measured, not assumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from edgecsi.bundle import ENGINE_FILES, Goals, Proof, TestSet
from edgecsi.csi import to_complex, to_interleaved
from edgecsi.errors import BuildError
from edgecsi.export.builders import BuiltEngine
from edgecsi.export.targets import get_target
from edgecsi.metrics import NmseReport, nmse_mean_db, nmse_report, user_energies
from edgecsi.runtime import run_in_pieces, start_engine


@dataclass(frozen=True)
class Case:
    """Some users: history complex64 [user, antenna, T, K]; student, truth [user, antenna, P, K]; km/h."""

    history: NDArray[np.complex64]
    student: NDArray[np.complex64]
    truth: NDArray[np.complex64]
    speed_kmh: NDArray[np.float32]


@dataclass(frozen=True)
class Runner:
    """Something that computes what an engine computes. executed: it is the engine itself."""

    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    executed: bool

    def predict(self, history: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """complex64 [user, antenna, T, K] -> complex64 [user, antenna, P, K]."""
        return to_complex(self.run(to_interleaved(history)))


class Measured(BaseModel):
    """The engine on the test users, beside the student that it was made from."""

    engine: NmseReport
    reference: NmseReport  # of the student's stored predictions on the same users
    relative_error_db: float  # 10 log10(||engine - student||^2 / ||student||^2), pooled
    engine_executed: bool

    @property
    def loss_db(self) -> float:
        """Engine minus student, overall, in dB."""
        return self.engine.nmse_mean_db - self.reference.nmse_mean_db

    @property
    def worst_speed(self) -> tuple[str, float]:
        """The speed row with the largest loss, and that loss in dB."""
        losses = {
            speed: value - self.reference.per_speed_db[speed]
            for speed, value in self.engine.per_speed_db.items()
        }
        return max(losses.items(), key=lambda item: item[1])


def make_runner(target_name: str, built: BuiltEngine, lowered: bytes) -> Runner:
    """The engine, or where this machine can't run it, its lowered graph with its rounding emulated."""
    target = get_target(target_name)
    if target.why_not_run() is None:
        engine = start_engine(built.engine, built.files, precision=target.precision)
        return Runner(lambda history: run_in_pieces(engine, history), executed=True)
    from edgecsi.export.emulation import EmulatedEngine

    return Runner(EmulatedEngine(lowered).run, executed=False)


def load_built(folder: Path) -> tuple[str, BuiltEngine, bytes]:
    """What the engine stage wrote: target name, engine, lowered graph."""
    facts = json.loads((folder / "engine.json").read_text())
    target = facts.pop("target")
    facts.pop("precision")
    files = {name: (folder / name).read_bytes() for name in ENGINE_FILES[facts["engine"]]}
    return target, BuiltEngine(files=files, **facts), (folder / "lowered.onnx").read_bytes()


def load_runner(folder: Path) -> Runner:
    """:func:`make_runner` for what the engine stage wrote."""
    return make_runner(*load_built(folder))


def measure(runner: Runner, cases: Iterable[Case]) -> Measured:
    """Run every case and compare with the truth and the student. BuildError where outputs aren't finite."""
    parts = []
    for case in cases:
        output = runner.predict(case.history)
        if not np.isfinite(output).all():
            raise BuildError("the engine returned NaN or infinity on the test set")
        parts.append(
            (
                *user_energies(output, case.truth),
                user_energies(case.student, case.truth)[0],
                *user_energies(output, case.student),
                case.speed_kmh,
            )
        )
    error, signal, student_error, deviation, student_energy, speed = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    pooled = np.array([deviation.sum()]), np.array([student_energy.sum()])
    return Measured(
        engine=nmse_report(error, signal, speed),
        reference=nmse_report(student_error, signal, speed),
        relative_error_db=nmse_mean_db(*pooled),
        engine_executed=runner.executed,
    )


def proof_of(
    measured: Measured,
    reference: str,
    scores: dict[str, NmseReport],
    test_set: TestSet,
    precision_checked: str,
    goals: Goals,
) -> Proof:
    """The manifest's NMSE section. reference: what the engine was compared with, in words."""
    speed, worst = measured.worst_speed
    loss = measured.loss_db
    return Proof(
        test_set=test_set,
        reference=reference,
        teacher=scores.get("teacher"),
        student=scores.get("student"),
        hold_last=scores.get("hold_last"),
        phase_rotation=scores.get("phase_rotation"),
        ridge_ar=scores.get("ridge_ar"),
        engine=measured.engine,
        nmse_loss_db=loss,
        worst_speed_loss_db=worst,
        worst_speed_kmh=speed,
        relative_error_db=measured.relative_error_db,
        precision_checked=precision_checked,
        engine_executed=measured.engine_executed,
        goals=goals,
        goals_met=goals.met(loss, worst),
    )
