"""Does a bundle's engine still predict, on this machine, what its student predicted where it was built?

The engine runs on the golden users and is held against the student's stored outputs and against the two
properties that every engine keeps: scale equivariance, f(a*x) = a*f(x), and batch invariance.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from edgecsi.bundle import GoldenSet, open_bundle
from edgecsi.metrics import NmseReport, nmse_pooled_db, nmse_report, user_energies
from edgecsi.runtime.engine import why_not_run
from edgecsi.runtime.predictor import Predictor, start_bundle

# With the FP32 student; and between batches and scales, a relative 1e-4 and 1e-2.
AGREEMENT_DB = {"fp32": -60.0, "fp16": -40.0, "bf16": -30.0, "int8": -30.0, "int8-bf16": -25.0}
INVARIANCE_DB = {"fp32": -80.0, "fp16": -40.0, "bf16": -40.0, "int8": -40.0, "int8-bf16": -40.0}
SCALES = (1e-8, 1e-4, 1e4)


class Check(BaseModel):
    """One property of the engine: an error relative to what it should give, in dB."""

    name: str
    error_db: float
    limit_db: float
    passed: bool

    @property
    def line(self) -> str:
        """The finding in words."""
        return f"{self.name} is off by {self.error_db:.1f} dB, the limit is {self.limit_db:.0f} dB"


class Verification(BaseModel):
    """What `edgecsi verify` found; it cites the bundle by its digest and never goes into it."""

    schema_version: int = 1
    bundle: str
    digest: str
    target: str
    engine: str
    precision: str
    users: int  # golden users
    student: NmseReport  # of the stored outputs of the student, on the golden users
    engine_executed: bool = False
    reason: str | None = None  # why the engine did not run here: only the bundle's integrity was checked
    threads: int | None = None
    engine_nmse: NmseReport | None = None
    checks: list[Check] = []

    @property
    def failures(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]


def verify(
    path: str | os.PathLike[str], *, threads: int | None = None, digest: str | None = None
) -> Verification:
    """Check a bundle's integrity and, where this machine can run it, its engine.

    Raises BundleError for a bundle that is not whole or not the pinned one. An engine that can't run here
    gives a result with `engine_executed` false and the reason.
    """
    bundle = open_bundle(path, digest)
    manifest, golden = bundle.manifest, bundle.golden()
    result = Verification(
        bundle=str(path),
        digest=bundle.digest,
        target=manifest.target,
        engine=manifest.engine,
        precision=manifest.precision,
        users=len(golden.history),
        student=_nmse(golden.student, golden),
        reason=why_not_run(manifest.engine, manifest),
    )
    if result.reason:
        return result
    predictor = start_bundle(bundle, threads)
    prediction = predictor.predict(golden.history)
    return result.model_copy(
        update={
            "engine_executed": True,
            "threads": predictor.threads,
            "engine_nmse": _nmse(prediction, golden),
            "checks": [
                _check(
                    "agreement with the student",
                    relative_error_db(prediction, golden.student),
                    AGREEMENT_DB[manifest.precision],
                ),
                _check(
                    "scale equivariance",
                    _scale_error_db(predictor, golden.history, prediction),
                    INVARIANCE_DB[manifest.precision],
                ),
                _check(
                    "batch invariance",
                    _batch_error_db(predictor, golden.history, prediction),
                    INVARIANCE_DB[manifest.precision],
                ),
            ],
        }
    )


def relative_error_db(found: NDArray[np.complexfloating], wanted: NDArray[np.complexfloating]) -> float:
    """10 log10(||found - wanted||^2 / ||wanted||^2) over all users: complex [user, antenna, P, K] each."""
    error, signal = user_energies(found, wanted)
    return nmse_pooled_db(error, signal)


def _scale_error_db(
    predictor: Predictor, history: NDArray[np.complex64], prediction: NDArray[np.complex64]
) -> float:
    """The worst user's error of f(a*x)/a against f(x), over scales a."""
    return max(
        _worst_user_db(predictor.predict(history * np.float32(scale)) / scale, prediction) for scale in SCALES
    )


def _batch_error_db(
    predictor: Predictor, history: NDArray[np.complex64], prediction: NDArray[np.complex64]
) -> float:
    """The worst user's error alone, and among loud, silent and other users, against the first batch."""
    alone = np.concatenate([predictor.predict(user[None]) for user in history])
    company = np.concatenate([history[::-1], history[:1] * 0, history * np.float32(1e4)])
    among = predictor.predict(company)[: len(history)][::-1]
    return max(_worst_user_db(alone, prediction), _worst_user_db(among, prediction))


def _worst_user_db(found: NDArray[np.complex64], wanted: NDArray[np.complex64]) -> float:
    error, signal = user_energies(found, wanted)
    return max(nmse_pooled_db(error[user : user + 1], signal[user : user + 1]) for user in range(len(error)))


def _check(name: str, error_db: float, limit_db: float) -> Check:
    return Check(name=name, error_db=error_db, limit_db=limit_db, passed=error_db <= limit_db)


def _nmse(prediction: NDArray[np.complex64], golden: GoldenSet) -> NmseReport:
    return nmse_report(*user_energies(prediction, golden.truth), golden.speed_kmh)
