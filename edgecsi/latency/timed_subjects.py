"""What is timed: a bundle, or a PyTorch model folder for comparison.

A subject is a small description that travels to the measuring process, which calls `start` there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from edgecsi.bundle import open_bundle
from edgecsi.errors import ModelError
from edgecsi.latency.call_loops import Call
from edgecsi.latency.report_schema import GpuStages, Subject
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.runtime import load, why_not_run
from edgecsi.runtime.engine import ENGINES
from edgecsi.tasks import TASKS, Task
from edgecsi.tasks.task import Array
from edgecsi.users import Users


@dataclass(frozen=True)
class Started:
    """A subject that is loaded: `call` maps [user, *input axes] of the task to [user, *target axes].

    gpu_stages: times the stages of a GPU call on such an input; None for an engine that tells none.
    """

    call: Call
    task: Task
    radio: RadioSetting
    gpu_stages: Callable[[Array], list[GpuStages]] | None = None


class Measurable(Protocol):
    """What a session needs of a subject."""

    def describe(self) -> Subject:
        """Name, kind and origin, without cells; `reason` is set when it can't run here."""
        ...

    def golden(self) -> Users | None:
        """Known users of its task and radio setting, if it brings any."""
        ...

    def start(self, threads: int) -> Started:
        """Load it in this process."""
        ...


@dataclass(frozen=True)
class BundleSubject:
    """A bundle, run through the runtime that a base station would use."""

    path: Path

    def describe(self) -> Subject:
        """Facts of the manifest. Raises BundleError for a damaged bundle."""
        bundle = open_bundle(self.path)
        manifest = bundle.manifest
        first_condition = next(iter(manifest.proof.metrics.values()), {})
        measured = first_condition.get("engine")
        return Subject(
            name=self.path.name.removesuffix(".edgecsi"),
            kind="bundle",
            engine=manifest.engine.name,
            precision=manifest.engine.precision,
            digest=bundle.digest,
            network=manifest.network.name,
            parameters=manifest.network.parameters,
            task=manifest.task,
            radio=manifest.radio,
            warnings=list(manifest.warnings),
            horizon_ms=manifest.horizon_ms,
            nmse_db=measured.mean_db if measured else None,
            reason=why_not_run(manifest.engine.name, manifest.engine.precision, manifest),
        )

    def golden(self) -> Users | None:
        """The bundle's golden users."""
        return open_bundle(self.path).golden()

    def start(self, threads: int) -> Started:
        """Load the bundle's engine."""
        predictor = load(self.path, threads=threads)
        manifest = predictor.manifest
        task, radio = manifest.the_task, manifest.radio
        gpu_probe = ENGINES.get(manifest.engine.name).gpu_probe
        if gpu_probe is None:
            return Started(predictor.predict, task, radio)
        files = open_bundle(self.path, predictor.digest).engine_files()
        probe = importlib.import_module(gpu_probe).open_probe(manifest.engine.name, files, manifest.signature)
        return Started(
            predictor.predict, task, radio, lambda inputs: probe.measure(task.input.to_engine(inputs))
        )


@dataclass(frozen=True)
class NetworkSubject:
    """A PyTorch model folder: a teacher or student before any engine."""

    folder: Path
    mode: Literal["eager", "compiled"] = "eager"

    def describe(self) -> Subject:
        """The reason is set when torch isn't installed. Raises ModelError for a folder without a model."""
        if not (self.folder / "config.json").is_file():
            raise ModelError(f"{self.folder} is no model folder: it has no config.json")
        row = Subject(
            name=self.folder.name if self.mode == "eager" else f"{self.folder.name}-compiled",
            kind="network",
            engine=f"pytorch-{self.mode}",
            precision="fp32",
        )
        if not find_spec("torch"):
            row.reason = "PyTorch is not installed: pip install 'edgecsi[train]'"
            return row
        from edgecsi import models

        config = models.load_config(self.folder)
        row.network, row.task, row.radio = config.name, config.task.name, config.radio
        return row

    def golden(self) -> Users | None:
        """A model folder has none."""
        return None

    def start(self, threads: int) -> Started:
        """Load the network in evaluation mode; `compiled` compiles it at its first call."""
        import torch

        from edgecsi import models

        torch.set_num_threads(threads)
        config, network = models.load_config(self.folder), models.load(self.folder)
        forward = torch.compile(network) if self.mode == "compiled" else network
        task = config.task

        def call(inputs: Array) -> Array:
            with torch.inference_mode():
                outputs = forward(torch.from_numpy(task.input.to_engine(inputs)))
                return task.target.from_engine(outputs.numpy())

        return Started(call, task, config.radio)


@dataclass(frozen=True)
class Empty:
    """An engine that does nothing: what the loop costs, and what the host does to it."""

    def describe(self) -> Subject:
        """Never shown as a row: its timing becomes the report's floor."""
        return Subject(name="empty", kind="network", engine="none", precision="none")

    def golden(self) -> Users | None:
        """It looks at nothing."""
        return None

    def start(self, threads: int) -> Started:
        """Return what it was given. Any task will do, with one number per user."""
        array = ArrayGeometry(columns=1, rows=1, polarisations=1)
        radio = RadioSetting(subcarriers=1, history=1, future=1, array=array)
        return Started(lambda inputs: inputs, next(iter(TASKS)), radio)
