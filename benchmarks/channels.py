"""Channels that several benchmarks draw, kept in a folder so that each is drawn once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import get_args

from edgecsi.channel.tr38901 import generate
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.progress import say
from edgecsi.radio import Duplex

DUPLEXES: tuple[Duplex, ...] = get_args(Duplex)
TEST_SEED, VALIDATION_SEED = 1_000_003, 1_000_033  # far from any seed that trains


def channels(cache: Path, options: DataOptions) -> Path:
    """The dataset of these options, in the folder `cache`."""
    asked = hashlib.sha256(options.model_dump_json().encode()).hexdigest()[:8]
    kind = f"{options.scenario}-{'los' if options.los else 'nlos'}-{options.duplex}-{options.ue_pattern}"
    path = cache / f"{kind}-seed{options.seed}-{options.users}-{asked}.h5"
    if not path.exists():
        say(f"drawing {path.name}")
        cache.mkdir(parents=True, exist_ok=True)
        generate(path, options)
    return path
