"""Profiles: every choice of a `compress` run in one place.

`reference` takes the shipped student, `quick` trains a small one, `full` one of the papers' size.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from edgecsi.channel.info import UePattern
from edgecsi.errors import EdgeCsiError


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError("a range must go from low to high")
    return limits


Distilled = Literal["csi-alm-light", "csi-alm-light-delta"]  # the students that have relations
SnrRange = Annotated[tuple[float, float], AfterValidator(_ordered)]
SpeedRange = Annotated[tuple[NonNegativeFloat, NonNegativeFloat], AfterValidator(_ordered)]


class _Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataRecipe(_Recipe):
    """Channels to generate (edgecsi data generate)."""

    scenario: Literal["uma", "umi"] = "uma"
    los: bool = False
    duplex: Literal["tdd", "fdd"] = "tdd"
    speed_kmh: SpeedRange = (10.0, 100.0)
    ue_pattern: UePattern = "omni"
    users: PositiveInt
    users_per_drop: PositiveInt = 10
    test_share: Annotated[float, Field(gt=0, le=0.8)] | None = None


class TrainRecipe(_Recipe):
    """How one network is trained. max_users: at most this many training users; null: all of them."""

    max_users: PositiveInt | None = None
    epochs: PositiveInt
    batch_users: PositiveInt
    batch_antennas: PositiveInt = 8
    learning_rate: PositiveFloat
    patience: PositiveInt = 20
    snr_db: SnrRange | None = None
    noise_draws: PositiveInt = 1


class TeacherRecipe(TrainRecipe):
    """CSI-ALM over a backbone."""

    backbone: str = "smollm2"


class StudentRecipe(TrainRecipe):
    """Relation distillation into a network: weight is lambda_2 of eq. 32.

    shipped: take this shipped network (reference: the default one) instead of distilling one; a teacher that
    the user gives is distilled all the same.
    """

    shipped: str | None = None
    network: Distilled = "csi-alm-light"
    weight: NonNegativeFloat = 0.1
    relation_heads: PositiveInt = 32
    relation_scope: Literal["all", "csi"] = "csi"


class CalibrationRecipe(_Recipe):
    """What INT8 is calibrated on; at most this many users, fewer where the dataset has fewer.

    users: training users that ranges are taken from. held_out: validation users that judge them. snr_db: half
    of the users are clean, half noisy at this level. range_method: as edgecsi.calib.ranges names them.
    """

    users: PositiveInt = 256
    held_out: PositiveInt = 96
    snr_db: float = 20.0
    range_method: Literal["min-max", "percentile", "entropy", "mse"] = "mse"


class Profile(_Recipe):
    """Data, teacher, student and calibration of one run."""

    data: DataRecipe
    teacher: TeacherRecipe
    student: StudentRecipe
    calibration: CalibrationRecipe = CalibrationRecipe()

    def changed(self, changes: dict[str, str]) -> Profile:
        """This profile with `section.field` -> text changes; EdgeCsiError for one that is not there."""
        values: dict[str, Any] = self.model_dump()
        for name, text in changes.items():
            section, _, field = name.partition(".")
            if field not in values.get(section, {}):
                known = ", ".join(f"{s}.{f}" for s, fields in values.items() for f in fields)
                raise EdgeCsiError(f"--set {name}: there is no such setting; choose from {known}")
            values[section][field] = _parse(text)
        try:
            return Profile.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            said = first["msg"].removeprefix("Value error, ")
            raise EdgeCsiError(f"--set {'.'.join(map(str, first['loc']))}: {said}") from None


def _parse(text: str) -> Any:
    """null, numbers with commas between as a tuple, or the text itself for pydantic to judge."""
    if text == "null":
        return None
    return tuple(text.split(",")) if "," in text else text


# Two cores without a GPU, about ten minutes: only users and epochs shrink.
QUICK = Profile(
    data=DataRecipe(users=500),
    teacher=TeacherRecipe(max_users=120, epochs=3, batch_users=8, learning_rate=1e-3),
    student=StudentRecipe(epochs=12, batch_users=8, learning_rate=3e-3),
)
PROFILES = {
    # Nothing is trained, so most users test: a few that predict badly make half of the mean, which 50 users
    # know to a decibel only.
    "reference": QUICK.changed(
        {
            "student.shipped": "reference",
            "student.max_users": "400",
            "data.users": "3000",
            "data.test_share": "0.8",
        }
    ),
    "quick": QUICK,
    # The papers' size; for a CUDA device.
    "full": Profile(
        data=DataRecipe(users=9000),
        teacher=TeacherRecipe(epochs=100, batch_users=128, learning_rate=3e-4, patience=20),
        student=StudentRecipe(epochs=200, batch_users=128, learning_rate=1e-3, patience=40),
    ),
}
