"""What a bundle says about itself: the schema of `manifest.json`.

Unknown fields are refused and numbers are finite, so a manifest that parses means what it says.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from edgecsi.metrics import Goal, Report
from edgecsi.radio import RadioSetting, TrainedRange
from edgecsi.tasks import TASKS, Task, Tensor

SCHEMA_VERSION: Literal[2] = 2
MANIFEST_FILE = "manifest.json"
STUDENT_FILE = "student.onnx"  # the neutral FP32 graph that every target is built from
GOLDEN_FILE = "golden.npz"

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
Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class TensorSpec(_Strict):
    """One tensor of the engine; a dim of null is the dynamic user axis."""

    name: Text
    dtype: Literal["float32"] = "float32"
    axes: tuple[Text, ...]
    dims: tuple[PositiveInt | None, ...]
    unit: Text

    @classmethod
    def of(cls, tensor: Tensor, radio: RadioSetting) -> TensorSpec:
        """A task's tensor in a radio setting."""
        return cls(
            name=tensor.name,
            axes=tensor.engine_axes,
            dims=(None, *tensor.engine_dims(radio)),
            unit=tensor.unit,
        )

    @property
    def user_dims(self) -> tuple[int, ...]:
        """Sizes without the user axis."""
        return tuple(dim for dim in self.dims[1:] if dim is not None)


class Signature(_Strict):
    """What goes into an engine and what comes out."""

    input: TensorSpec
    output: TensorSpec

    @classmethod
    def of(cls, task: Task, radio: RadioSetting) -> Signature:
        """The signature of a task in a radio setting."""
        return cls(input=TensorSpec.of(task.input, radio), output=TensorSpec.of(task.target, radio))


class NetworkFacts(_Strict):
    """The network that the engine was built from.

    adapters: how many of the parameters are in adapters. doppler_band: largest Doppler shift that it can
    predict, in cycles per sample; None: what it was trained on decides.
    """

    name: Text
    parameters: PositiveInt
    adapters: Annotated[int, Field(ge=0)] = 0
    trained: TrainedRange | None = None  # what it was made for; None: not recorded
    doppler_band: Annotated[float, Field(gt=0)] | None = None


class EngineFacts(_Strict):
    """The engine. files: what its library takes. max_users: largest batch of one call; None: any.

    multiplications: share of the graph's multiplications per data type ("fp32", "fp16", "bf16", "int8").
    attention_kernels: fused attention operators. executed: false: a CPU executor ran the lowered graph where
    the bundle was built, the engine itself did not run.
    """

    name: Text
    precision: Text
    files: tuple[FileName, ...]
    max_users: PositiveInt | None = None
    libraries: dict[Text, Text]  # library -> version that the build used
    gpu_architecture: ComputeCapability | None = None  # what the engine is for; null: no GPU
    precision_checked: Literal["network", "engine"]  # where the precision was read back
    multiplications: dict[Text, Share] = {}
    attention_kernels: Annotated[int, Field(ge=0)] = 0
    executed: bool


class TestSet(_Strict):
    """The users that everything was measured on."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    id: Text
    users: PositiveInt


class Proof(_Strict):
    """How well the engine predicts, beside its student, its teacher and the classical predictors.

    metrics: condition of the histories ("as given", "20 dB SNR") -> predictor -> report. not_applicable:
    predictor -> why it has no report. goals: every one that was asked for. relative_error_db: 10
    log10(||engine - student||^2 / ||student||^2), pooled. reference: what the engine was compared with.
    golden_student_db: per golden user, how far the student in FP32 is from itself in FP64.
    golden_engine_db: per golden user, how far the engine was from the student where it was built.
    """

    test_set: TestSet
    reference: Text
    metrics: dict[Text, dict[Text, Report]]
    not_applicable: dict[Text, Text] = {}
    goals: tuple[Goal, ...]
    relative_error_db: float
    golden_student_db: tuple[float, ...]
    golden_engine_db: tuple[float, ...]

    @property
    def goals_met(self) -> bool:
        """Whether none was missed."""
        return all(goal.met for goal in self.goals)

    def find(self, metric: str, reference: str) -> list[Goal]:
        """The engine's or student's goals of a metric against a reference."""
        return [goal for goal in self.goals if (goal.metric, goal.reference) == (metric, reference)]


class Manifest(_Strict):
    """A bundle in words; `files` is filled in by :func:`edgecsi.bundle.write_bundle`."""

    schema_version: Literal[2] = SCHEMA_VERSION
    edgecsi: Text  # version that wrote the bundle
    name: Text
    target: Text
    task: Text
    input: TensorSpec
    output: TensorSpec
    radio: RadioSetting
    horizon_ms: float  # from the last sample of the history to the last one predicted
    network: NetworkFacts
    engine: EngineFacts
    calibration_set: Text | None = None
    warnings: tuple[Text, ...] = ()  # what whoever uses it should know: speeds beyond the trained range, ...
    proof: Proof
    files: dict[FileName, Sha256] = Field(default_factory=dict, max_length=64)

    @model_validator(mode="after")
    def _agrees(self) -> Manifest:
        if self.task not in TASKS:
            raise ValueError(f"task {self.task!r} is not known here; choose from {', '.join(TASKS.names)}")
        wanted = Signature.of(self.the_task, self.radio)
        if (self.input, self.output) != (wanted.input, wanted.output):
            raise ValueError(f"input and output are not the tensors of task {self.task} in its radio setting")
        if not math.isclose(self.horizon_ms, self.radio.horizon_ms, rel_tol=1e-6):
            raise ValueError(
                f"horizon_ms is {self.horizon_ms:g}, but {self.radio.future} steps of "
                f"{self.radio.step_ms:g} ms are {self.radio.horizon_ms:g}"
            )
        return self

    @property
    def the_task(self) -> Task:
        """The row of its task."""
        return TASKS.get(self.task)

    @property
    def signature(self) -> Signature:
        """What the engine takes and gives."""
        return Signature(input=self.input, output=self.output)
