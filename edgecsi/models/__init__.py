"""The networks, one file each, named after their papers."""

from edgecsi.models.folder import ModelConfig, build_network, load, load_config, save
from edgecsi.models.network import NETWORKS, Network, NetworkOptions

__all__ = [
    "NETWORKS",
    "ModelConfig",
    "Network",
    "NetworkOptions",
    "build_network",
    "load",
    "load_config",
    "save",
]
