"""edgecsi: from an LLM-backed channel predictor to an engine that a base station can run in time.

The base-station side of the package in one line::

    future = edgecsi.load("build/ort-fp32.edgecsi").predict(history)

Importing edgecsi never imports torch.
"""

from importlib.metadata import PackageNotFoundError, version

from edgecsi.errors import EdgeCsiError
from edgecsi.runtime import Predictor, load

try:
    __version__ = version("edgecsi")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["EdgeCsiError", "Predictor", "__version__", "load"]
