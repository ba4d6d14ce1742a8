"""edgecsi: from an LLM-backed channel predictor to an engine that a base station can run in time.

The base-station side of the package in one line::

    future = edgecsi.load("build/ort-fp32.edgecsi").predict(history)

Importing edgecsi imports nothing else; a name below is imported when it is first used, so that an edge box
needs no torch.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecsi.channel import Dataset, Origin, write_dataset
    from edgecsi.errors import EdgeCsiError
    from edgecsi.latency.api import latency_report
    from edgecsi.radio import ArrayGeometry, RadioSetting, TrainedRange
    from edgecsi.runtime import Predictor, Status, load, verify
    from edgecsi.stages.compress import compress

try:
    __version__ = version("edgecsi")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

_HOMES = {
    "ArrayGeometry": "radio",
    "Dataset": "channel",
    "EdgeCsiError": "errors",
    "Origin": "channel",
    "Predictor": "runtime",
    "RadioSetting": "radio",
    "Status": "runtime",
    "TrainedRange": "radio",
    "compress": "stages.compress",
    "latency_report": "latency.api",
    "load": "runtime",
    "verify": "runtime",
    "write_dataset": "channel",
}
__all__ = [
    "ArrayGeometry",
    "Dataset",
    "EdgeCsiError",
    "Origin",
    "Predictor",
    "RadioSetting",
    "Status",
    "TrainedRange",
    "__version__",
    "compress",
    "latency_report",
    "load",
    "verify",
    "write_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgecsi' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"edgecsi.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
