"""The networks, one file each, named after their papers."""

from edgecsi.models.folder import ModelConfig, build_network, load, load_config, save

__all__ = ["ModelConfig", "build_network", "load", "load_config", "save"]
