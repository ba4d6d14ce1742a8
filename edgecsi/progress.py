"""Progress: bars on stderr where it is a terminal, lines in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgecsi.console import CleanConsole
from edgecsi.logs import LOGGER

Item = TypeVar("Item")


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows (done, total) as a bar on stderr; silent when stderr is no terminal."""
    console = CleanConsole(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """Yield the items under a :func:`progress_bar`."""
    with progress_bar(label) as show:
        for done, item in enumerate(items):
            show(done, total)
            yield item


def say(line: str) -> None:
    """One line about what was done, to the log (stdout belongs to results)."""
    LOGGER.info(line)
