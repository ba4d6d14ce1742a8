"""The rules of the house, as design says them: which room may import which, and what no file may do."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from edgecsi.cli import VERBS, cli

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    "edgecsi", "export", "calib", "benchmarks", "docs", "tests", "setup.py", "README.md", "Makefile",
    "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt", "pyproject.toml", ".ci", ".gitignore",
}  # fmt: skip
MAX_LINES = 300

# Modules that any room may use: the radio setting, some users, registries, errors, writing files, progress.
COMMON = {
    "console", "early", "errors", "files", "interleaved", "logs", "option_values", "printable", "progress",
    "radio", "registry", "stopping", "users", "yaml_files", "__version__",
}  # fmt: skip
BASE = {"numpy", "click", "rich", "pydantic", "yaml", "filelock", "onnxruntime"}  # the light install
TORCH = {"torch", "transformers", "peft", "accelerate", "safetensors", "huggingface_hub"}
ONNX = {"onnx", "onnx_ir", "onnxscript", "google"}

# room: (rooms it may import, libraries it may import)
ROOMS = {
    "metrics": (set(), BASE),
    "tasks": ({"metrics"}, BASE),
    "channel": ({"tasks"}, BASE | {"h5py", "sionna", "torch"}),
    "models": ({"metrics", "tasks"}, BASE | TORCH),
    "training": ({"models", "channel", "metrics", "tasks"}, BASE | TORCH),
    "distill": ({"models", "training", "channel", "metrics", "tasks"}, BASE | TORCH | {"h5py"}),
    "bundle": ({"metrics", "tasks"}, BASE),
    "runtime": ({"bundle", "metrics", "tasks"}, BASE | {"openvino", "pycuda"}),
    "export": ({"models", "bundle", "runtime", "tasks"}, BASE | ONNX | {"torch", "openvino"}),
    "calib": ({"channel", "metrics", "bundle", "export", "runtime", "tasks"}, BASE | ONNX | {"h5py"}),
    "latency": ({"runtime", "bundle", "metrics", "models", "tasks"}, BASE | {"torch"}),
    "report": ({"bundle", "runtime", "latency", "metrics", "tasks"}, BASE),
}  # fmt: skip
ROOMS["stages"] = (set(ROOMS) - {"report"}, BASE | {"torch"})
ROOMS["cli"] = (set(ROOMS), BASE)
# What an edge box imports.
LIGHT = ("bundle", "runtime", "latency", "report", "cli", "metrics", "tasks", "stages")
LINKED = ("export", "calib")  # packages that live at the top, and are linked into the package


def folder(room: str) -> Path:
    return ROOT / room if room in LINKED else ROOT / "edgecsi" / room


def sources(*places: Path) -> Iterator[Path]:
    for place in places or (ROOT / "edgecsi", ROOT / "export", ROOT / "calib", ROOT / "benchmarks"):
        yield from sorted(place.rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def deferred(tree: ast.Module) -> set[ast.AST]:
    """Nodes that run only when a function is called, or never (TYPE_CHECKING)."""
    holders = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    ]
    return {inner for holder in holders for inner in ast.walk(holder)}


def imports(path: Path, at_once: bool = False) -> Iterator[str]:
    """Dotted names that a file imports; at_once: only those that run when it is imported."""
    tree = parse(path)
    skipped = deferred(tree) if at_once else set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            if node.module == "edgecsi":
                yield from (f"edgecsi.{name.name}" for name in node.names)
            else:
                yield node.module


def split_names(names: Iterator[str]) -> tuple[set[str], set[str]]:
    """(rooms and common modules of edgecsi, libraries outside Python's own)."""
    parts = [name.split(".") for name in names]
    own = {name[1] for name in parts if name[0] == "edgecsi" and len(name) > 1}
    return own, {name[0] for name in parts} - {"edgecsi"} - set(sys.stdlib_module_names)


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git checkout")
    return done.stdout.splitlines()


def test_the_top_level_is_as_designed():
    assert {name.partition("/")[0] for name in tracked()} <= TOP_LEVEL


def test_every_room_is_in_the_table():
    rooms = {path.name for path in (ROOT / "edgecsi").iterdir() if (path / "__init__.py").is_file()}
    assert rooms | set(LINKED) == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room):
    rooms, libraries = ROOMS[room]
    for path in sources(folder(room)):
        own, other = split_names(imports(path))
        assert own <= rooms | COMMON | {room}, path
        assert other <= libraries, path


def test_rooms_import_in_one_direction():
    graph = {}
    for room in ROOMS:
        found = [split_names(imports(path))[0] for path in sources(folder(room))]
        graph[room] = set().union(*found) & set(ROOMS) - {room}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_common_modules_import_no_room():
    for name in COMMON - {"__version__"}:
        own, other = split_names(imports(ROOT / "edgecsi" / f"{name}.py"))
        assert own <= COMMON, name
        assert other <= BASE, name


@pytest.mark.parametrize("room", LIGHT)
def test_an_edge_room_needs_only_the_base_install_to_be_imported(room):
    for path in sources(folder(room)):
        _, other = split_names(imports(path, at_once=True))
        assert other <= BASE, path


IMPORT_ALL = """
import importlib, sys

for name in sys.argv[1].split(","):
    importlib.import_module(name)
heavy = {"torch", "transformers", "peft", "h5py", "onnx", "openvino", "scipy", "sionna"}
print(*sorted(heavy & set(sys.modules)))
"""


def test_importing_every_edge_module_loads_nothing_heavy():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in LIGHT
        for path in sources(folder(room))
    ]
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(["edgecsi", *names])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_loads_and_explains_itself(verb):
    command = importlib.import_module(f"edgecsi.cli.{VERBS[verb]}").command
    assert cli.get_command(None, verb) is command
    leaves = getattr(command, "commands", {"": command}).values()
    assert all(leaf.help for leaf in leaves)


def test_files_are_small():
    paths = [*sources(), *sources(ROOT / "tests"), ROOT / "setup.py"]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_nothing_is_unpickled_run_from_a_hub_or_handed_to_a_shell():
    for path in sources():
        _, libraries = split_names(imports(path))
        modules = {name.partition(".")[0] for name in imports(path)} | libraries
        assert not modules & {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}, path
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.keyword):
                off = isinstance(node.value, ast.Constant) and node.value.value is False
                assert off or node.arg not in {"trust_remote_code", "shell", "allow_pickle"}, path
            if isinstance(node, ast.Attribute):
                called = ast.unparse(node)
                assert called not in {
                    "os.system",
                    "os.popen",
                    "torch.load",
                    "yaml.load",
                    "yaml.unsafe_load",
                }, path
