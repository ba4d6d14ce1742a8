"""Mixed precision: as much in INT8 as the goals allow.

What each operator loses alone is measured first. Their errors are nearly independent and add up, so the
search starts where the sum says that the goals are met, and from there only believes what it measures on the
held-out users.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgecsi.calib.candidates import Candidate
from edgecsi.calib.quantization_loss import QuantizationLoss
from edgecsi.metrics import GoalBounds

MAX_RELATIVE_ERROR_DB = -35.0
# Other users than the held-out ones will test the engine. With 48 to 64 of them the relative error was up to
# 1.2 dB larger on the test users, and the loss in the worst group up to 1.6 times as large.
MARGIN_DB = 2.0  # the search stays this far below MAX_RELATIVE_ERROR_DB,
MARGIN = 0.5  # and within this share of the goals


@dataclass(frozen=True)
class Choice:
    """What to quantize, and what all of it together loses."""

    quantized: tuple[Candidate, ...]
    together: QuantizationLoss


def meets(loss: QuantizationLoss, bounds: GoalBounds) -> bool:
    """Whether a loss is within the goals, with the margins; a bound of None is no limit."""
    limits = (
        (loss.nmse_loss_db, bounds.max_nmse_loss_db),
        (loss.worst_group_loss_db, bounds.max_worst_speed_loss_db),
    )
    return loss.relative_error_db <= MAX_RELATIVE_ERROR_DB - MARGIN_DB and all(
        bound is None or value <= MARGIN * bound for value, bound in limits
    )


def choose(
    lost: Callable[[Sequence[Candidate]], QuantizationLoss],
    alone: Mapping[Candidate, QuantizationLoss],
    bounds: GoalBounds,
) -> Choice | None:
    """The operators to quantize; None when no operator can be within the goals.

    lost: what a graph with these operators in INT8 loses. alone: the same of every operator by itself.
    """
    # Cheapest first: the least error for the arithmetic that it moves to INT8.
    ranked = sorted(alone, key=lambda operator: _error(alone[operator]) / operator.multiplications)
    limit = 10 ** ((MAX_RELATIVE_ERROR_DB - MARGIN_DB) / 10)
    count = 0
    while count < len(ranked) and sum(_error(alone[o]) for o in ranked[: count + 1]) <= limit:
        count += 1
    chosen, together = _shrink(lost, ranked[:count], bounds)
    for operator in ranked:
        if operator in chosen or not meets(alone[operator], bounds):
            continue
        tried = lost([*chosen, operator])
        if meets(tried, bounds):
            chosen, together = [*chosen, operator], tried
    return Choice(tuple(chosen), together) if together else None


def _shrink(
    lost: Callable[[Sequence[Candidate]], QuantizationLoss],
    operators: Sequence[Candidate],
    bounds: GoalBounds,
) -> tuple[list[Candidate], QuantizationLoss | None]:
    """Drop the dearest operators until the goals are met."""
    chosen = list(operators)
    while chosen:
        together = lost(chosen)
        if meets(together, bounds):
            return chosen, together
        chosen.pop()
    return [], None


def _error(loss: QuantizationLoss) -> float:
    return float(10 ** (loss.relative_error_db / 10))
