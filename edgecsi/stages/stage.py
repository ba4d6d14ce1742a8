"""A stage: options, inputs and `run()` in one file, and the key that names its result.

A result depends on the stage's options, on what its inputs are, on the versions of the libraries that compute
it, and on its code: a digest of the sources of its file and of whatever that imports from this package. So a
stage whose code changed runs again, and nobody raises a number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from edgecsi.registry import Registry
from edgecsi.stages.code import code_digest


class StageOptions(BaseModel):
    """Base of every stage's options: unknown names, NaN and infinity are refused, and nothing changes later.

    Each field has a default, a description and bounds; `--set`, command-line options, profiles and recipes
    all come from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Run = Callable[[Any, Mapping[str, Path], Path], None]  # options, inputs by name, folder to write into


@dataclass(frozen=True)
class StageRow:
    """One kind of stage.

    run: (options, inputs, out) writes the results into the folder `out`; what an interrupted call left there
    is still in it, so that long stages can resume. options: their class. libraries: distributions that
    compute the result, given the options. modules: modules beyond its own file's imports that make the
    result, given the options, as the file of a network that is chosen by name.
    """

    name: str
    summary: str
    run: Run
    options: type[StageOptions]
    libraries: Callable[[Any], Iterable[str]] = field(default=lambda options: ())
    modules: Callable[[Any], Iterable[str]] = field(default=lambda options: ())
    module: str = field(default="", compare=False)


STAGES: Registry[StageRow] = Registry("stage", "edgecsi.stages")


@dataclass(frozen=True)
class Stage:
    """A stage with its options and inputs: a node of a run's plan.

    label: its name in the cache and in messages, as engine-ort-fp32. inputs: name -> (content key, path).
    environment: what else the result depends on, as the machine for timings.
    """

    row: StageRow
    options: StageOptions
    inputs: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
    label: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its label, or else the kind's name."""
        return self.label or self.row.name

    @cached_property
    def key(self) -> str:
        """16 hex digits."""
        modules = [self.row.module, *self.row.modules(self.options)]
        content = {
            "stage": self.row.name,
            "options": self.options.model_dump(mode="json"),
            "inputs": {name: key for name, (key, _) in self.inputs.items()},
            "libraries": {name: _version(name) for name in self.row.libraries(self.options)},
            "code": code_digest(modules),
            "environment": dict(self.environment),
        }
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def make(self, out: Path) -> None:
        """Run it into an existing folder."""
        self.row.run(self.options, {name: path for name, (_, path) in self.inputs.items()}, out)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
