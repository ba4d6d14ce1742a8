"""Goals: what a bundle is held to, as a list of (metric, reference, bound, value, met)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, model_validator


class GoalBounds(BaseModel):
    """How much may be lost, in dB; null: that goal is not asked for, and no verdict rests on it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    max_nmse_loss_db: float | None = Field(
        0.1, ge=-200, le=200, description="How much NMSE the engine may lose against the student."
    )
    max_worst_speed_loss_db: float | None = Field(
        0.2, ge=-200, le=200, description="How much NMSE the engine may lose in any group, such as a speed."
    )
    max_teacher_loss_db: float | None = Field(
        0.5, ge=-200, le=200, description="How much worse than its teacher the student may be."
    )
    max_baseline_loss_db: float | None = Field(
        0.0, ge=-200, le=200, description="How much worse than the best baseline the student may be."
    )


class Goal(BaseModel):
    """One goal and how it ended.

    metric: as nmse_loss_db. subject, reference: who is held against whom, as engine and student. scope:
    "overall", or a grouping and the worst row in it, as "speed_kmh 10". condition: what the histories were.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    metric: str
    subject: str
    reference: str
    scope: str
    condition: str
    bound: float
    value: float | None  # None: it could not be measured, so it is not met
    met: bool

    @model_validator(mode="after")
    def _agrees(self) -> Goal:
        if self.met != within(self.value, self.bound):
            raise ValueError(f"met is {self.met}, but {self.value} against {self.bound:g} says otherwise")
        return self

    @classmethod
    def judge(
        cls,
        metric: str,
        subject: str,
        reference: str,
        scope: str,
        condition: str,
        bound: float,
        value: float | None,
    ) -> Goal:
        """A goal with its verdict; a value that isn't finite counts as unknown."""
        value = value if value is not None and math.isfinite(value) else None
        return cls(
            metric=metric,
            subject=subject,
            reference=reference,
            scope=scope,
            condition=condition,
            bound=bound,
            value=value,
            met=within(value, bound),
        )

    @property
    def line(self) -> str:
        """The verdict in words."""
        value = "unknown" if self.value is None else f"{self.value:+.3f} dB"
        verdict = "met" if self.met else "MISSED"
        return (
            f"{verdict}: {self.metric} of the {self.subject} against the {self.reference}, {self.scope}, "
            f"{self.condition}: {value}, bound {self.bound:g} dB"
        )


def within(value: float | None, bound: float) -> bool:
    """Whether a value is known, finite and not above the bound."""
    return value is not None and math.isfinite(value) and value <= bound


def missed(goals: Iterable[Goal]) -> list[Goal]:
    """Those that are not met."""
    return [goal for goal in goals if not goal.met]
