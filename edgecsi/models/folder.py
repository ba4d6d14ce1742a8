"""Model folders: config.json + model.safetensors + log.json, the form in which networks are kept.

Of a teacher only the trained part is stored; the frozen backbone comes from its own package and is
recognised by the digest of its weights.
"""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from edgecsi.csi import CsiShape
from edgecsi.errors import ModelError
from edgecsi.files import atomic_folder
from edgecsi.models.backbones import load_backbone
from edgecsi.models.cnn import Cnn
from edgecsi.models.csi_alm import CsiAlm
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.models.csi_alm_light_ad import CsiAlmLightAd
from edgecsi.models.csi_alm_light_delta import CsiAlmLightDelta
from edgecsi.models.llm4cp import Llm4cp
from edgecsi.models.recurrent import Gru, Lstm, Rnn
from edgecsi.models.transformer import Transformer

# Networks that need nothing but the shape of the CSI, by name.
STUDENTS = {"csi-alm-light": CsiAlmLight, "csi-alm-light-delta": CsiAlmLightDelta}
STUDENTS |= {"csi-alm-light-ad": CsiAlmLightAd}
STUDENTS |= {"cnn": Cnn, "rnn": Rnn, "lstm": Lstm, "gru": Gru, "transformer": Transformer}  # and baselines
# Networks that stand on a backbone.
LLM_BACKED = {"csi-alm": CsiAlm, "llm4cp": Llm4cp}


class ModelConfig(BaseModel):
    """What a network is: enough to build it again without its weights."""

    model_config = ConfigDict(extra="forbid")

    # Every name in LLM_BACKED and STUDENTS.
    name: Literal[
        "csi-alm",
        "csi-alm-light",
        "csi-alm-light-delta",
        "csi-alm-light-ad",
        "llm4cp",
        "cnn",
        "rnn",
        "lstm",
        "gru",
        "transformer",
    ]
    shape: CsiShape
    duplex: Literal["tdd", "fdd"]
    step_s: float
    backbone: str | None = None
    backbone_folder: Path | None = None
    backbone_digest: str | None = None
    seed: int = 0

    @field_validator("shape")
    @classmethod
    def _check_shape(cls, shape: CsiShape) -> CsiShape:
        if min(astuple(shape)) < 1:
            raise ValueError("every size must be at least 1")
        return shape


def build_network(config: ModelConfig) -> nn.Module:
    """A new network of this config with seeded weights; the caller sets torch's seed."""
    if config.name == "csi-alm-light-ad":  # it extrapolates the other band of FDD; the others learn it
        return CsiAlmLightAd(config.shape, config.duplex)
    if config.name in STUDENTS:
        return STUDENTS[config.name](config.shape)
    backbone = load_backbone(config.backbone, config.backbone_folder, config.seed)
    if config.backbone_digest not in (None, backbone.digest):
        raise ModelError(
            f"backbone {config.backbone} here has weights {backbone.digest}, but the teacher was trained on "
            f"{config.backbone_digest}: get the same weights, or train again"
        )
    config.backbone_digest = backbone.digest
    return LLM_BACKED[config.name](config.shape, backbone)


def trained_state(network: nn.Module) -> dict[str, Tensor]:
    """The trained parameters by name, contiguous and on the CPU."""
    return {
        name: parameter.detach().cpu().contiguous()
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }


def load_trained_state(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Inverse of :func:`trained_state`; ModelError, with nothing changed, where names or shapes don't fit."""
    expected = {name: p for name, p in network.named_parameters() if p.requires_grad}
    if set(state) != set(expected):
        odd = sorted(set(state) ^ set(expected))[0]
        raise ModelError(f"weights don't fit the network: {odd} is only in one of them")
    for name, parameter in expected.items():
        if state[name].shape != parameter.shape:
            raise ModelError(
                f"weights don't fit the network: {name} is {tuple(state[name].shape)}, "
                f"not {tuple(parameter.shape)}"
            )
    for name, parameter in expected.items():
        parameter.data.copy_(state[name])


def save(folder: Path, config: ModelConfig, state: dict[str, Tensor], log: list[dict[str, Any]]) -> None:
    """Write a model folder atomically."""
    with atomic_folder(folder) as temporary:
        (temporary / "config.json").write_text(config.model_dump_json(indent=2) + "\n")
        (temporary / "log.json").write_text(json.dumps(log, indent=2) + "\n")
        (temporary / "model.safetensors").write_bytes(to_bytes(state))


def load_config(folder: Path) -> ModelConfig:
    """The config of a model folder; ModelError where there is none or it is not valid."""
    try:
        return ModelConfig.model_validate_json((folder / "config.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(f"{folder} is no model folder: it has no config.json") from None
    except UnicodeDecodeError:
        raise ModelError(f"{folder}/config.json is damaged: it is no text") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "not valid"
        raise ModelError(f"{folder}/config.json: {place}: {first['msg']}") from None


def load_like(config: ModelConfig, folder: Path) -> nn.Module:
    """The network of a model folder, to train on; ModelError unless it is what `config` describes.

    Copies to `config` which backbone it stands on.
    """
    found = load_config(folder)
    if (found.name, found.shape) != (config.name, config.shape):
        raise ModelError(f"{folder} is {found.name} for {found.shape}, not {config.name} for {config.shape}")
    config.backbone, config.backbone_folder = found.backbone, found.backbone_folder
    config.backbone_digest = found.backbone_digest
    return load(folder)


def load(folder: Path) -> nn.Module:
    """The network of a model folder, in evaluation mode, on the CPU. ModelError where it can't be had."""
    config = load_config(folder)
    network = build_network(config)
    weights = folder / "model.safetensors"
    try:
        load_trained_state(network, load_file(weights))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{weights} can't be read: {error}") from None
    except ModelError as error:
        raise ModelError(f"{weights}: {error}") from None
    return network.eval()
