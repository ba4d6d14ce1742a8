"""Running a bundle on the machine that serves the radio: numpy and one engine library, never torch."""

from edgecsi.runtime.engine import (
    ENGINES,
    Engine,
    EngineRow,
    Precision,
    run_in_pieces,
    start_engine,
    why_not_run,
)
from edgecsi.runtime.inputs import Status
from edgecsi.runtime.predictor import Predictor, load, start_bundle
from edgecsi.runtime.verification import Verification, verify

__all__ = [
    "ENGINES",
    "Engine",
    "EngineRow",
    "Precision",
    "Predictor",
    "Status",
    "Verification",
    "load",
    "run_in_pieces",
    "start_bundle",
    "start_engine",
    "verify",
    "why_not_run",
]
