"""Channels that several benchmarks draw, kept in a folder so that each is drawn once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgecsi.channel.tr38901 import Recipe, generate
from edgecsi.progress import say

Duplex = Literal["tdd", "fdd"]
DUPLEXES: tuple[Duplex, ...] = ("tdd", "fdd")
TEST_SEED, VALIDATION_SEED = 1_000_003, 1_000_033  # far from any seed that trains


def channels(cache: Path, recipe: Recipe, users: int) -> Path:
    """The dataset of a recipe with this many users, in the folder `cache`."""
    low, high = recipe.speed_kmh
    kind = f"{recipe.scenario}-{'los' if recipe.los else 'nlos'}-{recipe.duplex}-{recipe.ue_pattern}"
    path = cache / f"{kind}-{low:g}-{high:g}-seed{recipe.seed}-{users}.h5"
    if not path.exists():
        say(f"drawing {path.name}")
        cache.mkdir(parents=True, exist_ok=True)
        generate(path, recipe, users)
    return path
