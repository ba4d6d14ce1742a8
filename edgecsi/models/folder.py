"""Model folders: config.json + model.safetensors + log.json, the form in which networks are kept.

Of a teacher only the trained part is stored; the frozen backbone comes from its own package and is
recognised by the digest of its weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from edgecsi.errors import ModelError
from edgecsi.files import atomic_folder
from edgecsi.models.backbones import load_backbone
from edgecsi.models.network import NETWORKS, Network, NetworkOptions
from edgecsi.radio import RadioSetting, TrainedRange, require_same_radio
from edgecsi.registry import nearest
from edgecsi.tasks import TASKS, Task

CONFIG_FILE, WEIGHTS_FILE, LOG_FILE = "config.json", "model.safetensors", "log.json"


class ModelConfig(BaseModel):
    """What a network is: enough to build it again without its weights.

    name: of its row in NETWORKS. radio: what it predicts for. trained: what it was trained on; None: not
    recorded. options: the network's own, those that were given. backbone, backbone_folder, backbone_digest:
    the LLM that it stands on. seed: what its first weights, and a drawn backbone, come from.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[2] = 2
    name: str
    radio: RadioSetting
    trained: TrainedRange | None = None
    options: dict[str, Any] = {}
    backbone: str | None = None
    backbone_folder: Path | None = None
    backbone_digest: str | None = None
    seed: int = 0

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name not in NETWORKS:
            raise ValueError(f"unknown network {name!r}{nearest(name, NETWORKS.names)}")
        return name

    @field_validator("options")
    @classmethod
    def _check_options(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "name" not in info.data:
            return options
        try:
            found = NETWORKS.get(info.data["name"]).options(**options)
        except ValidationError as error:
            raise ValueError(_first(error)) from None
        return found.model_dump(mode="json", exclude_unset=True)

    @property
    def row(self) -> Network:
        """The network's row."""
        return NETWORKS.get(self.name)

    @property
    def task(self) -> Task:
        """What it predicts."""
        return TASKS.get(self.row.task)

    @property
    def network_options(self) -> NetworkOptions:
        """The network's own options, with the defaults of those that were not given."""
        return self.row.options(**self.options)


def build_network(config: ModelConfig) -> nn.Module:
    """A new network of this config with seeded weights; the caller sets torch's seed.

    ModelError where the network can't do the radio setting, or its backbone can't be had. Sets the config's
    `backbone_digest`.
    """
    row = config.row
    if reason := row.cannot(config.radio):
        raise ModelError(f"{row.name} {reason}")
    if row.backbone != (config.backbone is not None):
        raise ModelError(f"{row.name} stands on {'a' if row.backbone else 'no'} backbone")
    if config.backbone is None:
        return row.build(config, None)
    backbone = load_backbone(config.backbone, config.backbone_folder, config.seed)
    if config.backbone_digest not in (None, backbone.digest):
        raise ModelError(
            f"backbone {config.backbone} here has weights {backbone.digest}, but the teacher was trained on "
            f"{config.backbone_digest}: get the same weights, or train again"
        )
    config.backbone_digest = backbone.digest
    return row.build(config, backbone)


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
        (temporary / CONFIG_FILE).write_text(config.model_dump_json(indent=2) + "\n")
        (temporary / LOG_FILE).write_text(json.dumps(log, indent=2) + "\n")
        (temporary / WEIGHTS_FILE).write_bytes(to_bytes(state))


def load_config(folder: Path) -> ModelConfig:
    """The config of a model folder; ModelError where there is none or it is not valid."""
    path = folder / CONFIG_FILE
    try:
        text = path.read_text()
        _refuse_old(folder, text)
        return ModelConfig.model_validate_json(text)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(f"{folder} is no model folder: it has no {CONFIG_FILE}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{path} is damaged: it is no text") from None
    except ValidationError as error:
        raise ModelError(f"{path}: {_first(error)}") from None


def _refuse_old(folder: Path, text: str) -> None:
    """ModelError for a folder of format 1, which did not say what its CSI means."""
    try:
        found = json.loads(text)
    except ValueError:
        return  # damaged, which the schema says better
    if isinstance(found, dict) and "shape" in found and "format" not in found:
        raise ModelError(
            f"{folder} is a model folder of format 1, which knows no radio setting; train the network again"
        )


def _first(error: ValidationError) -> str:
    """What is wrong first, in one line."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "not valid"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def load_like(config: ModelConfig, folder: Path, accept_radio_mismatch: bool = False) -> nn.Module:
    """The network of a model folder, to train on; ModelError unless it is what `config` describes.

    It is built for the radio setting of `config`. accept_radio_mismatch: it may have been trained for another
    one of the same shapes. Copies to `config` which backbone it stands on, and the seed of the two.
    """
    found = load_config(folder)
    if (found.name, found.network_options) != (config.name, config.network_options):
        raise ModelError(f"{folder} is {_words(found)}, not {_words(config)}")
    require_same_radio(found.radio, str(folder), config.radio, "the channels", accept=accept_radio_mismatch)
    config.backbone, config.backbone_folder = found.backbone, found.backbone_folder
    config.backbone_digest, config.seed = found.backbone_digest, found.seed
    return _weighted(build_network(config), folder)


def _words(config: ModelConfig) -> str:
    options = ", ".join(f"{name} {value}" for name, value in config.network_options)
    return f"{config.name} ({options})" if options else config.name


def load(folder: Path) -> nn.Module:
    """The network of a model folder, in evaluation mode, on the CPU. ModelError where it can't be had."""
    return _weighted(build_network(load_config(folder)), folder)


def _weighted(network: nn.Module, folder: Path) -> nn.Module:
    """A network with the weights of a model folder, in evaluation mode."""
    weights = folder / WEIGHTS_FILE
    try:
        load_trained_state(network, load_file(weights))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{weights} can't be read: {error}") from None
    except ModelError as error:
        raise ModelError(f"{weights}: {error}") from None
    return network.eval()
