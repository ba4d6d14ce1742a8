"""Mixed precision: as much in INT8 as the goals allow.

Operators are judged alone first. Their errors are nearly independent and add up, so the search starts where
the sum says that the goals are met, and from there only believes what it measures on the held-out users.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgecsi.bundle import Goals
from edgecsi.calib.candidates import Candidate
from edgecsi.calib.judgement import Judgement

MAX_RELATIVE_ERROR_DB = -35.0
# Other users than the held-out ones will test the engine. With 48 to 64 of them the relative error was up to
# 1.2 dB larger on the test users, and the loss at the worst speed up to 1.6 times as large.
MARGIN_DB = 2.0  # the search stays this far below MAX_RELATIVE_ERROR_DB,
MARGIN = 0.5  # and within this share of the goals


@dataclass(frozen=True)
class Choice:
    """What to quantize, and how it was judged: all of it together."""

    quantized: tuple[Candidate, ...]
    together: Judgement


def meets(judgement: Judgement, goals: Goals) -> bool:
    """Whether a judgement is within the goals, with the margins."""
    return (
        judgement.relative_error_db <= MAX_RELATIVE_ERROR_DB - MARGIN_DB
        and judgement.nmse_loss_db <= MARGIN * goals.max_nmse_loss_db
        and judgement.worst_speed_loss_db <= MARGIN * goals.max_worst_speed_loss_db
    )


def choose(
    judge: Callable[[Sequence[Candidate]], Judgement],
    alone: Mapping[Candidate, Judgement],
    goals: Goals,
) -> Choice | None:
    """The operators to quantize; None when no operator can be within the goals.

    judge: judges a graph with these operators in INT8. alone: every operator judged by itself.
    """
    # Cheapest first: the least error for the arithmetic that it moves to INT8.
    ranked = sorted(alone, key=lambda operator: _error(alone[operator]) / operator.multiplications)
    limit = 10 ** ((MAX_RELATIVE_ERROR_DB - MARGIN_DB) / 10)
    count = 0
    while count < len(ranked) and sum(_error(alone[o]) for o in ranked[: count + 1]) <= limit:
        count += 1
    chosen, together = _shrink(judge, ranked[:count], goals)
    for operator in ranked:
        if operator in chosen or not meets(alone[operator], goals):
            continue
        tried = judge([*chosen, operator])
        if meets(tried, goals):
            chosen, together = [*chosen, operator], tried
    return Choice(tuple(chosen), together) if together else None


def _shrink(
    judge: Callable[[Sequence[Candidate]], Judgement], operators: Sequence[Candidate], goals: Goals
) -> tuple[list[Candidate], Judgement | None]:
    """Drop the dearest operators until the goals are met."""
    chosen = list(operators)
    while chosen:
        together = judge(chosen)
        if meets(together, goals):
            return chosen, together
        chosen.pop()
    return [], None


def _error(judgement: Judgement) -> float:
    return 10 ** (judgement.relative_error_db / 10)
