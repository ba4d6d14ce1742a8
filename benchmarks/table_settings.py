"""What the tables are measured on: the channels of a run and where its models are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from channels import TEST_SEED, VALIDATION_SEED, channels
from numpy.typing import NDArray
from predictors import NAMES, Row, classical, networks
from quadriga import write_quadriga

from edgecsi.channel import Dataset
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.radio import Duplex, RadioSetting


@dataclass(frozen=True)
class Settings:
    """models, cache, quadriga: places; users, validation: how many of each test set and for choosing.

    only: names of the rows to measure; none: all of them.
    """

    models: Path
    cache: Path
    quadriga: Path | None = None
    users: int = 120
    validation: int = 60
    only: tuple[str, ...] = ()

    @contextmanager
    def validation_set(self, duplex: Duplex) -> Iterator[Dataset]:
        """Channels like those that the networks are trained on, to choose baselines by."""
        options = DataOptions(duplex=duplex, seed=VALIDATION_SEED, users=self.validation)
        with Dataset.open(channels(self.cache, options)) as dataset:
            yield dataset

    @contextmanager
    def validation_rows(self, duplex: Duplex) -> Iterator[list[Row]]:
        """Classical predictors chosen on the validation set."""
        if self.only:
            yield []
            return
        with self.validation_set(duplex) as dataset:
            yield classical(dataset, np.arange(len(dataset)))

    def networks(self, duplex: Duplex, collection: str = "", names: Mapping[str, str] = NAMES) -> list[Row]:
        """The rows of a collection of models."""
        rows = networks(self.models / collection / duplex, radio_of(duplex), names)
        return [row for row in rows if not self.only or row.name in self.only]

    def test_set(self, duplex: Duplex, **options: Any) -> Path:
        """Test channels, UMa NLoS at 10 to 100 km/h unless the options of generation say otherwise."""
        return channels(self.cache, DataOptions(duplex=duplex, seed=TEST_SEED, users=self.users, **options))

    @contextmanager
    def quadriga_set(self, duplex: Duplex = "tdd") -> Iterator[Path]:
        """QuaDRiGa's channels as a dataset file."""
        if self.quadriga is None:
            raise SystemExit("this table needs --quadriga ARCHIVE")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "quadriga.h5"
            write_quadriga(self.quadriga, path, radio_of(duplex))
            yield path


def radio_of(duplex: Duplex) -> RadioSetting:
    """The papers' setting."""
    return DataOptions(duplex=duplex).radio


def everyone(path: Path) -> NDArray[np.int64]:
    """The users of a dataset."""
    with Dataset.open(path) as dataset:
        return np.arange(len(dataset))


def spread(users: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of them, evenly, so that every speed has its share."""
    return users[np.linspace(0, len(users) - 1, min(count, len(users))).astype(int)]
