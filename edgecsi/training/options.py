"""How a network is trained: the classes that command-line options, `--set` and recipes come from.

Whatever a shipped model was trained with can be said by them. Light: nothing here imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from edgecsi.training.augmentation import Augmentation

Decibel = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Objective = Literal["nmse", "log-nmse"]
LLM_RATE, RATE = 3e-4, 1e-3  # default learning rates: where an LLM is trained, and elsewhere

Some = TypeVar("Some", bound="_Options")
This = TypeVar("This", bound="TrainOptions")


def _both_ends(value: Any) -> Any:
    """One number is a range from itself to itself."""
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("the range must go from low to high")
    return ends


SnrRange = Annotated[tuple[Decibel, Decibel], BeforeValidator(_both_ends), AfterValidator(_ordered)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def part_of(cls: type[Some], options: BaseModel, **more: Any) -> Some:
        """The fields of this class that a larger one's instance holds, and what else is given."""
        shared = cls.model_fields.keys() & type(options).model_fields.keys()
        return cls(**{name: getattr(options, name) for name in shared} | more)


class ExampleOptions(_Options):
    """Which users train, how they are cut, and their noise: all that a teacher's targets depend on."""

    max_users: int | None = Field(
        None, ge=1, le=1_000_000_000, description="Train on at most this many users.  [default: all]"
    )
    batch_antennas: int = Field(
        8,
        ge=1,
        le=65_536,
        description="Antennas (or other rows of the task) of each user in a batch; an epoch sees them all. A "
        "network that needs the whole array always sees it.",
    )
    snr_db: SnrRange | None = Field(
        None, description="Add noise to the inputs: 20, 5-25 or -5:25 dB.  [default: none]"
    )
    noise_draws: int = Field(
        1, ge=1, le=1_000_000, description="Different noise per user, in turn over the epochs."
    )
    clean_share: float = Field(
        0.0, ge=0, le=1, description="Share of the inputs that stay clean beside --snr-db."
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Chooses users, first weights, shuffling, noise and dropout."
    )

    @model_validator(mode="after")
    def _needs_noise(self) -> ExampleOptions:
        if self.snr_db is None and (self.noise_draws > 1 or self.clean_share):
            raise ValueError("noise_draws and clean_share have no effect without snr_db")
        return self

    @property
    def augmentation(self) -> Augmentation:
        """The noise."""
        return Augmentation(self.snr_db, self.noise_draws, self.seed, self.clean_share)


class TrainOptions(ExampleOptions):
    """How to train: Adam with decoupled weight decay, cosine decay after a short warm-up."""

    epochs: int = Field(100, ge=1, le=1_000_000, description="Passes over the training users.")
    batch_users: int = Field(32, ge=1, le=65_536, description="Users, or parts of users, in a batch.")
    learning_rate: float | None = Field(
        None, gt=0, le=1e9, description=f"Highest one.  [default: {RATE:g}; of an LLM {LLM_RATE:g}]"
    )
    weight_decay: float = Field(1e-4, ge=0, le=100, description="Decoupled, as in AdamW.")
    patience: int = Field(
        20, ge=1, le=1_000_000, description="Stop after so many epochs without a better validation."
    )
    objective: Objective = Field(
        "nmse", description="log-nmse: a decibel counts the same for every user, slow or fast."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="Of matrix products while training; parameters stay FP32. auto: bf16 where it is faster.",
    )
    activation_bits: int | None = Field(
        None,
        ge=2,
        le=23,
        description="Round activations to so many significant bits while training (BF16 has 8): a network "
        "that learns with 5 or 6 loses less in BF16 and INT8 engines.  [default: off]",
    )
    start_from: Path | None = Field(None, description="Continue from the weights of this model folder.")
    accept_radio_mismatch: bool = Field(
        False,
        description="Let --start-from, or a teacher, be of another radio setting than the data, as long as "
        "every shape is the same.",
    )

    def settled(self: This, llm: bool) -> This:
        """The same with a learning rate, for a network that stands on an LLM or on none."""
        if self.learning_rate is not None:
            return self
        return self.model_copy(update={"learning_rate": LLM_RATE if llm else RATE})


def _pairs(value: Any) -> Any:
    """`a=1,b=2`, or several `a=1`, as a map."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, tuple | list):
        return value
    pairs = [str(part).partition("=") for part in parts if part]
    if odd := [name for name, equals, _ in pairs if not (name and equals)]:
        raise ValueError(f"{odd[0]!r} is not KEY=VALUE")
    return {name: text for name, _, text in pairs}


class NetworkChoice(_Options):
    """Which network is trained."""

    network: str = Field(min_length=1, max_length=100, description="The network, by name.")
    network_options: Annotated[dict[str, Any], BeforeValidator(_pairs)] = Field(
        {}, description="Its own options, as width=64,layers=2; a wrong name lists them."
    )
    backbone: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="LLM of a network that stands on one: smollm2, gpt2, qwen2.5-0.5b, random; for ablations "
        "with :random (drawn weights) or :none added.  [default: smollm2]",
    )
    backbone_folder: Path | None = Field(None, description="Local copy of the backbone (safetensors).")
