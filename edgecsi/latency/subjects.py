"""What is measured: a bundle, or a PyTorch network folder for comparison.

A subject is a small description that travels to the measuring process, which calls `start` there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecsi.csi import CsiShape, to_complex, to_interleaved
from edgecsi.latency.inputs import Golden
from edgecsi.latency.results import Subject


@dataclass(frozen=True)
class Started:
    """A subject that is loaded: `call` maps complex64 [user, antenna, T, K] to [user, antenna, P, K]."""

    call: Callable[[NDArray[np.complex64]], NDArray[np.complex64]]
    shape: CsiShape


class Measurable(Protocol):
    """What a session needs of a subject."""

    def describe(self) -> Subject:
        """Name, kind and origin, without cells; `reason` is set when it can't run here."""

    def golden(self) -> Golden | None:
        """Known users of the same shape, if any."""

    def start(self, threads: int) -> Started:
        """Load it in this process."""


@dataclass(frozen=True)
class BundleSubject:
    """A bundle, run through the runtime that a base station would use."""

    path: Path

    def describe(self) -> Subject:
        """Manifest facts; a damaged bundle is an error, one that can't run here has a reason."""
        from edgecsi.bundle import open_bundle
        from edgecsi.runtime import why_not_run

        bundle = open_bundle(self.path)
        manifest = bundle.manifest
        return Subject(
            name=self.path.name.removesuffix(".edgecsi"),
            kind="bundle",
            engine=manifest.engine,
            precision=manifest.precision,
            digest=bundle.digest,
            horizon_ms=manifest.horizon_ms,
            reason=why_not_run(manifest.engine),
        )

    def golden(self) -> Golden | None:
        """The bundle's own golden users."""
        return None

    def start(self, threads: int) -> Started:
        """Load the bundle's engine."""
        from edgecsi.runtime import load

        predictor = load(self.path, threads=threads)
        return Started(predictor.predict, predictor.shape)


@dataclass(frozen=True)
class NetworkSubject:
    """A PyTorch model folder in eager mode: the papers' teacher or student before any engine."""

    folder: Path

    def describe(self) -> Subject:
        """A reason when torch isn't installed."""
        from importlib.util import find_spec

        missing = None if find_spec("torch") else "PyTorch is not installed: pip install 'edgecsi[train]'"
        return Subject(
            name=self.folder.name, kind="network", engine="pytorch", precision="fp32", reason=missing
        )

    def golden(self) -> Golden | None:
        """A model folder has no golden users."""
        return None

    def start(self, threads: int) -> Started:
        """Load the network in evaluation mode."""
        import torch

        from edgecsi.models import load

        torch.set_num_threads(threads)
        network = load(self.folder).eval()

        def call(history: NDArray[np.complex64]) -> NDArray[np.complex64]:
            with torch.inference_mode():
                return to_complex(network(torch.from_numpy(to_interleaved(history))).numpy())

        return Started(call, network.shape)
