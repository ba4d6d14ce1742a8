"""Datasets that can't be used must say so in one line."""

from pathlib import Path

import numpy as np
import pytest

from edgecsi.channel import Dataset
from edgecsi.errors import DataError


def read_all(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Every history and future."""
    with Dataset.open(path) as ds:
        return ds.history(slice(None)), ds.future(slice(None))


def assert_refused(path: Path, *words: str) -> str:
    """The message, in which all these words must be."""
    with pytest.raises(DataError) as caught:
        read_all(path)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message
    return message
