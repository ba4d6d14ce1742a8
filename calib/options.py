"""What a calibration set is drawn from, and how ranges are found in it; light, without h5py and onnx."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

RangeMethod = Literal["min-max", "percentile", "entropy", "mse"]  # :mod:`edgecsi.calib.ranges`
Snr = Annotated[float, Field(ge=-50, le=100)]  # dB; beyond, there is nothing but noise, or none


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CalibrationOptions(_Options):
    """Whom to draw from a dataset, and with which noise."""

    users: int = Field(256, ge=1, le=1_000_000, description="Training users to draw; ranges come from them.")
    held_out: int = Field(
        96, ge=1, le=1_000_000, description="Validation users to draw; they judge what INT8 loses."
    )
    snr_db: tuple[Snr, ...] = Field(
        (20.0,), max_length=16, description="Levels of SNR in dB beside clean, for tasks that have noise."
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Other seeds draw other users and noise.")


class QuantizationOptions(_Options):
    """How activations are brought to INT8."""

    range_method: RangeMethod = Field("mse", description="How the range of an activation is chosen.")
