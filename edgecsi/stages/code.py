"""Which sources make a result, and their digest.

Imports are read from the sources, also those inside of functions, so nothing is imported for it. Comments,
docstrings and layout don't count: two sources with the same meaning have the same digest.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "edgecsi"
# They say and write what is made, and don't make it.
IGNORED = ("edgecsi.cli", "edgecsi.progress", "edgecsi.files", "edgecsi.errors", "edgecsi.report")
NATIVE_SUFFIXES = (".cpp", ".h")  # sources of another language beside a package's Python


def code_digest(modules: Iterable[str]) -> str:
    """SHA-256 over the meaning of these modules and of all that they import from this package, as hex."""
    digest = hashlib.sha256()
    for name in sorted(closure(modules)):
        digest.update(f"{name} {_meaning(_source(name))}\n".encode())
    return digest.hexdigest()


def closure(modules: Iterable[str]) -> set[str]:
    """These modules and all that they import from this package, directly or not."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if name in found or path is None or name.startswith(IGNORED):
            continue
        found.add(name)
        waiting.extend(_imports(path))
    return found


@cache
def _source(name: str) -> Path | None:
    """The file of a module: in this package, or loaded as a plugin; None for another library's."""
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None):
        path = Path(str(loaded.__file__))
        return path if path.suffix == ".py" else None
    if name.partition(".")[0] != PACKAGE:
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_names(_tree(path)))


def _names(tree: ast.Module) -> Iterator[str]:
    """Modules of this package that a source imports; of `from a import b` also a.b, if that is a module."""
    unused = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in unused:
            continue
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in found if name.partition(".")[0] == PACKAGE)


@cache
def _meaning(path: Path | None) -> str:
    """A digest of a source without comments and docstrings, and of what lies beside it in other languages."""
    if path is None:
        return ""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    digest = hashlib.sha256(ast.dump(tree).encode())
    if path.name == "__init__.py":
        others = (p for p in sorted(path.parent.iterdir()) if p.suffix in NATIVE_SUFFIXES)
        for other in others:
            digest.update(other.read_bytes())
    return digest.hexdigest()
