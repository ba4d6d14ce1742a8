"""Every command and snippet of README.md and docs/ is run, on a tiny configuration where it is long."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny_compress
from command_line import edgecsi

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TEXT = "\n".join(page.read_text() for page in PAGES)

TINY_TRAINING = ["--epochs", "1", "--max-users", "4", "--batch-users", "8"]
# First words of a command -> what is added to make it short. The last of an option given twice counts.
TINY = {
    "edgecsi data generate": ["--users", "24", "--users-per-drop", "3"],
    "edgecsi data import": [],
    "edgecsi data info": [],
    "edgecsi train csi-alm": ["--backbone", "random", *TINY_TRAINING],
    "edgecsi train": TINY_TRAINING,
    "edgecsi distill": TINY_TRAINING,
    "edgecsi calib sample": ["--users", "8", "--held-out", "2"],
    "edgecsi calib info": [],
    "edgecsi compress": [],
    "edgecsi targets": [],
    "edgecsi build": [],
    "edgecsi inspect": [],
    "edgecsi verify": [],
    "edgecsi latency-report": ["--quick", "--users", "1", "--calls", "20"],
    "edgecsi budgets": [],
    "make compress": [],
    "make test": [],
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The lines of every sh block, in order, continued lines joined."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def key_of(command: str) -> str | None:
    return next((key for key in TINY if command == key or command.startswith(key + " ")), None)


def recipe(goal: str) -> list[str]:
    """The commands that make would run for a goal, without the setup."""
    done = subprocess.run(["make", "-n", goal], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"^(\w+=\S+ )?\.venv/bin/", "", line) for line in done.stdout.splitlines()]
    return [line for line in lines if line.startswith(("edgecsi ", "ruff ", "mypy", "python -m pytest"))]


def run(command: str) -> None:
    if command == "make test":
        assert [line.split()[0] for line in recipe("test")] == ["ruff", "ruff", "mypy", "python"]
    elif command == "make compress":
        main_job, latency = recipe("compress")
        run(main_job)
        run(latency)
    else:
        arguments = shlex.split(command, comments=True)[1:]
        tiny = tiny_compress.shrinking(arguments) if arguments[0] == "compress" else TINY[key_of(command)]
        done = edgecsi(*arguments, *tiny)
        assert done.code == 0, f"{command}: {done.stderr}"


@pytest.fixture(scope="module")
def place(compressed, mat_files, tmp_path_factory):
    """A user's folder: LLM4CP's files are there, and what `make compress` wrote."""
    folder = tmp_path_factory.mktemp("readme")
    for file in mat_files:
        shutil.copy(file, folder)
    shutil.copytree(compressed, folder / "build")
    return folder


@pytest.fixture(scope="module")
def outcomes(place):
    """command -> what it failed with, or None; every command in the order of the pages."""
    found: dict[str, Exception | None] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("edgecsi.latency.plan.MIN_SECONDS", 0.1)  # no option shortens LoadGen's 10 s per run
        for command in filter(key_of, commands()):
            try:
                run(command)
                found[command] = None
            except AssertionError as error:
                found[command] = error
    return found


def test_every_command_is_known_here():
    assert [command for command in commands() if key_of(command) is None] == []


@pytest.mark.timeout(600)  # the first of these runs them all
@pytest.mark.parametrize("command", commands())
def test_a_command_does_what_it_says(outcomes, command):
    if error := outcomes[command]:
        raise error


@pytest.mark.parametrize("snippet", blocks("python"))
def test_a_snippet_runs(outcomes, place, monkeypatch, snippet):
    monkeypatch.chdir(place)
    names = {"history": 5e-6 * np.random.default_rng(0).standard_normal((3, 32, 16, 48)).astype(complex)}
    exec(snippet, names)
    assert names["future"].shape == (3, 32, 4, 48)
    assert names["future"].dtype == np.complex64


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().split()) <= 900


def test_ci_runs_what_the_readme_says():
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_verb_is_shown():
    from edgecsi.cli import VERBS

    shown = {shlex.split(command)[1] for command in commands() if command.startswith("edgecsi ")}
    assert set(VERBS) <= shown
