"""Where channels come from: the dataset file, its reader and writer, and splits.

The sources, :mod:`edgecsi.channel.tr38901` (generate) and :mod:`edgecsi.channel.mat` (import), are imported
by name: the first brings torch and Sionna. A name below is imported when it is first used, so that options
of channels can be read where there is no h5py.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecsi.channel.dataset import Dataset
    from edgecsi.channel.origin import Origin
    from edgecsi.channel.splits import Split, split
    from edgecsi.channel.writer import DatasetWriter, write_dataset

_HOMES = {
    "Dataset": "dataset",
    "DatasetWriter": "writer",
    "Origin": "origin",
    "Split": "splits",
    "split": "splits",
    "write_dataset": "writer",
}
__all__ = ["Dataset", "DatasetWriter", "Origin", "Split", "split", "write_dataset"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgecsi.channel' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"edgecsi.channel.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
