"""Running a bundle on the machine that serves the radio: numpy and one engine library, never torch."""

from edgecsi.runtime.engine import Engine, run_in_pieces, start_engine, why_not_run
from edgecsi.runtime.predictor import Predictor, Status, load

__all__ = ["Engine", "Predictor", "Status", "load", "run_in_pieces", "start_engine", "why_not_run"]
