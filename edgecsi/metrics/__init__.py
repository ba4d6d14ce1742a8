"""How good a prediction is: NMSE in one definition, its report, and the goals that it is held to."""

from edgecsi.metrics.goals import Goal, GoalBounds, missed
from edgecsi.metrics.nmse import Energies, relative_error_db, to_db
from edgecsi.metrics.report import Loss, Report, label_order, loss

__all__ = [
    "Energies",
    "Goal",
    "GoalBounds",
    "Loss",
    "Report",
    "label_order",
    "loss",
    "missed",
    "relative_error_db",
    "to_db",
]
