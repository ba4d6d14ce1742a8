"""Fixtures that every room's tests may use."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("edgecsi", deadline=None, derandomize=True)  # no wall clock, no chance
settings.load_profile("edgecsi")


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 users in 8 drops, TDD UMa NLoS, 10 to 100 km/h, seed 1, from real Sionna channels."""
    from edgecsi.channel.tr38901 import Recipe, generate

    path = tmp_path_factory.mktemp("tiny") / "tiny.h5"
    generate(path, Recipe(users_per_drop=3, seed=1), users=24)
    return path
