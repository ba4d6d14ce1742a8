"""What a bundle says about itself: the schema of `manifest.json`.

Unknown fields are refused and numbers are finite, so a manifest that parses means what it says.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from edgecsi.csi import CsiShape
from edgecsi.metrics import NmseReport

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
STUDENT_FILE = "student.onnx"  # the neutral FP32 graph that every target is built from
GOLDEN_FILE = "golden.npz"
ENGINE_FILES = {
    "onnxruntime": ("engine.onnx",),
    "native": ("engine.bin",),
    "openvino": ("engine.xml", "engine.bin"),
    "tensorrt": ("engine.engine",),
    "tensorrt-rtx": ("engine.engine",),
}
MAX_AXIS = 65_536  # larger axes are a damaged manifest, not an array

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_file_name(name: str) -> str:
    """A bundle is a flat folder: refuse every name that could mean a file outside it, or in a subfolder."""
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} leaves the bundle's folder or is no plain file name (letters, digits, '.', '_', '-')"
        )
    return name


FileName = Annotated[str, AfterValidator(check_file_name)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
ComputeCapability = Annotated[str, Field(pattern=r"^\d{1,2}\.\d\+?$")]  # "8.0+": that one and later


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Student(_Strict):
    """The network that the engine was built from."""

    name: Text
    parameters: PositiveInt


class TensorSpec(_Strict):
    """One tensor of the engine; a dim of null is the dynamic user axis."""

    name: Text
    dtype: Literal["float32"] = "float32"
    axes: tuple[Text, ...]
    dims: tuple[PositiveInt | None, ...]
    unit: Text = "complex channel coefficient, linear, any scale, as (re, im)"

    @classmethod
    def history(cls, shape: CsiShape) -> TensorSpec:
        """The input, `csi_history` [user, antenna, T, K, 2]."""
        return cls(name="csi_history", axes=_AXES, dims=(None, *shape.history_shape, 2))

    @classmethod
    def future(cls, shape: CsiShape) -> TensorSpec:
        """The output, `csi_future` [user, antenna, P, K, 2]."""
        return cls(name="csi_future", axes=_AXES, dims=(None, *shape.future_shape, 2))


_AXES = ("user", "antenna", "time", "subcarrier", "re_im")


class TestSet(_Strict):
    """The users that the NMSE was measured on."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    id: Text
    users: PositiveInt


class Goals(_Strict):
    """How much NMSE the engine may lose against its reference, in dB."""

    max_nmse_loss_db: float
    max_worst_speed_loss_db: float

    def met(self, nmse_loss_db: float | None, worst_speed_loss_db: float | None) -> bool:
        """Whether both losses are known, finite and within the goals."""
        return all(
            loss is not None and math.isfinite(loss) and loss <= goal
            for loss, goal in (
                (nmse_loss_db, self.max_nmse_loss_db),
                (worst_speed_loss_db, self.max_worst_speed_loss_db),
            )
        )


class Proof(_Strict):
    """How well the engine predicts, beside its student, its teacher and the trivial predictors.

    Losses are the engine's NMSE minus the reference's, in dB: positive is worse, null is unknown.
    """

    test_set: TestSet
    reference: Text  # what the engine is compared with
    teacher: NmseReport | None
    student: NmseReport | None
    engine: NmseReport | None
    hold_last: NmseReport | None
    phase_rotation: NmseReport | None
    ridge_ar: NmseReport | None = None  # the strong classical predictor
    nmse_loss_db: float | None
    worst_speed_loss_db: float | None
    worst_speed_kmh: Text | None  # the row of the reports' `per_speed_db` with the worst loss
    relative_error_db: float | None  # 10 log10(||engine - student||^2 / ||student||^2)
    precision_checked: Literal["network", "engine"]  # where the precision was read back
    engine_executed: bool  # false: a CPU executor ran the lowered graph, the engine itself did not run
    goals: Goals
    goals_met: bool

    @model_validator(mode="after")
    def _goals_agree(self) -> Proof:
        if self.goals_met != self.goals.met(self.nmse_loss_db, self.worst_speed_loss_db):
            raise ValueError(
                f"goals_met is {self.goals_met}, but losses of {self.nmse_loss_db} dB and "
                f"{self.worst_speed_loss_db} dB against the goals say otherwise"
            )
        return self


class Manifest(_Strict):
    """A bundle in words; `files` is filled in by :func:`edgecsi.bundle.write_bundle`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    edgecsi: Text  # version that wrote the bundle
    name: Text
    target: Text
    engine: Literal["onnxruntime", "native", "openvino", "tensorrt", "tensorrt-rtx"]
    precision: Literal["fp32", "fp16", "bf16", "int8", "int8-bf16"]
    student: Student
    shape: CsiShape
    input: TensorSpec
    output: TensorSpec
    step_ms: PositiveFloat
    horizon_ms: PositiveFloat
    duplex: Literal["tdd", "fdd"]
    max_users: PositiveInt | None = None  # largest batch of one engine call; null: any
    libraries: dict[Text, Text]  # library -> version that the build used
    gpu_architecture: ComputeCapability | None = None  # what the engine is for; null: no GPU
    calibration_set: Text | None = None
    files: dict[FileName, Sha256] = Field(default_factory=dict, max_length=64)
    nmse: Proof

    @model_validator(mode="after")
    def _tensors_agree(self) -> Manifest:
        sizes = (self.shape.antennas, self.shape.history, self.shape.future, self.shape.subcarriers)
        if not all(0 < size <= MAX_AXIS for size in sizes):
            raise ValueError(f"shape {sizes} is not of 1 to {MAX_AXIS} per axis")
        if self.input != TensorSpec.history(self.shape) or self.output != TensorSpec.future(self.shape):
            raise ValueError(f"input and output are not the tensors that shape {sizes} has")
        return self
