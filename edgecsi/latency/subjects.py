"""What is measured: a bundle, or a PyTorch network folder for comparison.

A subject is a small description that travels to the measuring process, which calls `start` there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgecsi.bundle import GOLDEN_FILE, GoldenSet, open_bundle
from edgecsi.csi import CsiShape, to_complex, to_interleaved
from edgecsi.errors import ModelError
from edgecsi.latency.measure import Call
from edgecsi.latency.results import GpuStages, Subject
from edgecsi.runtime import load, why_not_run


@dataclass(frozen=True)
class Started:
    """A subject that is loaded: `call` maps complex64 [user, antenna, T, K] to [user, antenna, P, K].

    `gpu_stages` times the stages of a GPU call on such an input; None for an engine on the CPU.
    """

    call: Call
    shape: CsiShape
    gpu_stages: Callable[[NDArray[np.complex64]], list[GpuStages]] | None = None


class Measurable(Protocol):
    """What a session needs of a subject."""

    def describe(self) -> Subject:
        """Name, kind and origin, without cells; `reason` is set when it can't run here."""

    def golden(self) -> GoldenSet | None:
        """Known users of the same shape, if it brings any."""

    def start(self, threads: int) -> Started:
        """Load it in this process."""


@dataclass(frozen=True)
class BundleSubject:
    """A bundle, run through the runtime that a base station would use."""

    path: Path

    def describe(self) -> Subject:
        """Facts of the manifest. Raises BundleError for a damaged bundle."""
        bundle = open_bundle(self.path)
        manifest = bundle.manifest
        return Subject(
            name=self.path.name.removesuffix(".edgecsi"),
            kind="bundle",
            engine=manifest.engine,
            precision=manifest.precision,
            digest=bundle.digest,
            horizon_ms=manifest.horizon_ms,
            nmse_db=manifest.nmse.engine and manifest.nmse.engine.nmse_mean_db,
            reason=why_not_run(manifest.engine, manifest),
        )

    def golden(self) -> GoldenSet | None:
        """The bundle's golden set."""
        bundle = open_bundle(self.path)
        return GoldenSet.from_bytes(bundle.read(GOLDEN_FILE), bundle.manifest.shape)

    def start(self, threads: int) -> Started:
        """Load the bundle's engine."""
        predictor = load(self.path, threads=threads)
        engine = predictor.manifest.engine
        if not engine.startswith("tensorrt"):
            return Started(predictor.predict, predictor.shape)
        from edgecsi.latency.gpu import GpuProbe

        probe = GpuProbe.open(engine, open_bundle(self.path, predictor.digest).engine_files())
        return Started(
            predictor.predict, predictor.shape, lambda history: probe.measure(to_interleaved(history))
        )


@dataclass(frozen=True)
class NetworkSubject:
    """A PyTorch model folder: the papers' teacher or student before any engine."""

    folder: Path
    mode: Literal["eager", "compiled"] = "eager"

    def describe(self) -> Subject:
        """The reason is set when torch isn't installed. Raises ModelError for a folder without a model."""
        if not (self.folder / "config.json").is_file():
            raise ModelError(f"{self.folder} is no model folder: it has no config.json")
        missing = None if find_spec("torch") else "PyTorch is not installed: pip install 'edgecsi[train]'"
        return Subject(
            name=self.folder.name if self.mode == "eager" else f"{self.folder.name}-compiled",
            kind="network",
            engine=f"pytorch-{self.mode}",
            precision="fp32",
            reason=missing,
        )

    def golden(self) -> GoldenSet | None:
        """A model folder has none."""
        return None

    def start(self, threads: int) -> Started:
        """Load the network in evaluation mode; `compiled` compiles it at its first call."""
        import torch

        from edgecsi import models

        torch.set_num_threads(threads)
        network = models.load(self.folder)
        forward = torch.compile(network) if self.mode == "compiled" else network

        def call(history: NDArray[np.complex64]) -> NDArray[np.complex64]:
            with torch.inference_mode():
                return to_complex(forward(torch.from_numpy(to_interleaved(history))).numpy())

        return Started(call, models.load_config(self.folder).shape)


@dataclass(frozen=True)
class Empty:
    """An engine that does nothing: what the loop costs, and what the host does to it."""

    def describe(self) -> Subject:
        """Never shown as a row: its timing becomes the report's floor."""
        return Subject(name="empty", kind="network", engine="none", precision="none")

    def golden(self) -> GoldenSet | None:
        """It looks at nothing."""
        return None

    def start(self, threads: int) -> Started:
        """Return what it was given."""
        return Started(lambda history: history, CsiShape(antennas=1, history=1, future=1, subcarriers=1))
