"""Registries: one row beside each thing, and no second list of names.

A task, network, baseline, engine or stage is a file that calls `REGISTRY.register(row)` beside its code. A
registry imports the files of its home package when it is first asked, so a new file is found by itself. Files
outside the package are *plugins*: they register their rows in the same way and are named by

- `edgecsi --plugin FILE_OR_MODULE ...`, which sets the environment variable for child processes too;
- the environment variable EDGECSI_PLUGINS (separated by the system's path separator);
- an installed distribution's entry points in the group `edgecsi.plugins`.

A plugin is code that the user chose to run; nothing that comes from data, a model or a bundle names one.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, Protocol, TypeVar

from edgecsi.errors import EdgeCsiError

PLUGINS_VARIABLE = "EDGECSI_PLUGINS"
PLUGIN_GROUP = "edgecsi.plugins"


class Named(Protocol):
    """What every row has."""

    @property
    def name(self) -> str:
        """As users write it."""
        ...


Row = TypeVar("Row", bound=Named)


class Registry(Generic[Row]):
    """Rows of one kind, by name, in the order in which their files sort.

    kind: in messages, as "network". package: whose modules hold the rows; all are imported on first use.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self._package = kind, package
        self._rows: dict[str, Row] = {}
        self._loaded = False

    def register(self, row: Row) -> Row:
        """Add a row; a second one of its name is an error, unless its module was imported again."""
        old = self._rows.get(row.name)
        if old is not None and old != row and getattr(old, "module", None) != getattr(row, "module", ""):
            raise EdgeCsiError(f"two {self.kind}s are called {row.name!r}")
        self._rows[row.name] = row
        return row

    def get(self, name: str) -> Row:
        """The row of that name. EdgeCsiError that names the nearest one and all others."""
        self._load()
        if name not in self._rows:
            raise EdgeCsiError(f"unknown {self.kind} {name!r}{nearest(name, self._rows)}")
        return self._rows[name]

    def __iter__(self) -> Iterator[Row]:
        self._load()
        return iter(list(self._rows.values()))

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._rows

    @property
    def names(self) -> tuple[str, ...]:
        """Every name."""
        self._load()
        return tuple(self._rows)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # a module that asks while it is imported gets the rows that are there
        try:
            package = importlib.import_module(self._package)
            for found in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self._package}.{found.name}")
            load_plugins()
        except BaseException:
            self._loaded = False
            raise
        # Some files may have been imported before, in another order.
        self._rows = dict(sorted(self._rows.items(), key=lambda item: self._place(item[1])))

    def _place(self, row: Row) -> tuple[bool, str]:
        """Where a row stands: those of the home package first, by their files."""
        module = str(getattr(row, "module", ""))
        return not module.startswith(f"{self._package}."), module


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest one, and all that there are."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    others = ", ".join(names)
    return f"; did you mean {close[0]!r}? There are {others}" if close else f"; choose from {others}"


def add_plugins(places: tuple[str, ...]) -> None:
    """Load plugins now, and in every process that this one starts. EdgeCsiError for one that can't be."""
    known = _named_plugins()
    os.environ[PLUGINS_VARIABLE] = os.pathsep.join(dict.fromkeys([*known, *places]))
    load_plugins()


def load_plugins() -> None:
    """Import every plugin that the environment or an installed distribution names; each once."""
    for place in _named_plugins():
        _import(place)
    for entry in entry_points(group=PLUGIN_GROUP):
        try:
            entry.load()
        except Exception as error:  # whatever somebody else's code raises
            raise EdgeCsiError(f"plugin {entry.name!r} can't be loaded: {error}") from error


def _named_plugins() -> list[str]:
    return [place for place in os.environ.get(PLUGINS_VARIABLE, "").split(os.pathsep) if place]


def _import(place: str) -> ModuleType:
    """A plugin by its file or its module's name."""
    path = Path(place)
    try:
        if path.suffix != ".py":
            return importlib.import_module(place)
        name = path.stem
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == str(path.resolve()):
            return known
        spec = importlib.util.spec_from_file_location(name, path.resolve())
        if spec is None or spec.loader is None or not path.is_file():
            raise ImportError("no such file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # as `import` does, so that its rows can be sent to other processes
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
    except EdgeCsiError:
        raise
    except Exception as error:  # whatever somebody else's code raises
        raise EdgeCsiError(f"plugin {place!r} can't be loaded: {error}") from error
