"""What a network is: one row beside its code, from which commands, profiles and tables are derived.

A network is an `nn.Module` like :class:`edgecsi.models.prediction.TaskNetwork`. Its file registers a row::

    NETWORKS.register(
        Network(
            name="my-net",
            summary="what it is",
            build=lambda config, backbone: MyNet(config.radio),
            module=__name__,
        )
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from edgecsi.errors import ModelError
from edgecsi.radio import Duplex, RadioSetting
from edgecsi.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from edgecsi.models.backbones import Backbone
    from edgecsi.models.folder import ModelConfig


class NetworkOptions(BaseModel):
    """Base of a network's own options: every field has a default, bounds and a description."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def no_options(radio: RadioSetting, fastest_kmh: float) -> Mapping[str, Any]:
    """`options_for` of what takes the same options everywhere."""
    return {}


def any_setting(radio: RadioSetting) -> None:
    """`why_not` of what works in every radio setting."""


@dataclass(frozen=True)
class Network:
    """One network.

    name: in commands and model folders. summary: for people. build: (config, backbone) -> a new network.
    options: class of its own options. backbone: it stands on an LLM. relations: it has self-attention to
    distil from and into. requires_array: it computes with the array's geometry. requires_fp32_solver: it
    solves equations that INT8 and BF16 would spoil. native_kernels: engines native-* have kernels for it.
    options_for: (radio setting, speed of the fastest training user in km/h) -> options that these ask for,
    where nobody names them. why_not: radio setting -> why it can't do that one, None when it can; see also
    :meth:`cannot`. module: of its file.
    """

    name: str
    summary: str
    build: Callable[[ModelConfig, Backbone | None], nn.Module]
    task: str = "csi"
    options: type[NetworkOptions] = NetworkOptions
    backbone: bool = False
    relations: bool = False
    requires_array: bool = False
    requires_fp32_solver: bool = False
    native_kernels: bool = False
    options_for: Callable[[RadioSetting, float], Mapping[str, Any]] = no_options
    duplexes: tuple[Duplex, ...] = ("tdd", "fdd")
    why_not: Callable[[RadioSetting], str | None] = any_setting
    module: str = field(default="", compare=False)

    def cannot(self, radio: RadioSetting) -> str | None:
        """Why it can't do a setting, duplex mode included, in one line that follows its name; else None."""
        if radio.duplex not in self.duplexes:
            return f"predicts {' and '.join(self.duplexes).upper()}, not {radio.duplex.upper()}"
        return self.why_not(radio)


NETWORKS: Registry[Network] = Registry("network", "edgecsi.models")


def no_relations(network: str) -> ModelError:
    """The error of a network that is asked for relations and has none."""
    names = ", ".join(row.name for row in NETWORKS if row.relations)
    return ModelError(f"{network} has no relations to distil; those that have: {names}")
