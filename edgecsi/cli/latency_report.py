"""edgecsi latency-report: time engines against radio deadlines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecsi.cli import options

if TYPE_CHECKING:
    from edgecsi.latency.plan import Extent

MODES = click.Choice(("back-to-back", "paced", "paced-stressed"))


@click.command("latency-report")
@click.argument("bundles", type=options.PATH, nargs=-1, metavar="[BUNDLE]...")
@click.option(
    "--network", "networks", type=options.PATH, multiple=True, help="Also time this PyTorch model folder."
)
@click.option("--quick", "extent", flag_value="quick", help="All CPUs, back-to-back, at most 20 s a run.")
@click.option("--full", "extent", flag_value="full", help="The whole grid, up to 32 users: hours.")
@click.option("--users", type=click.IntRange(min=1), multiple=True, help="Users per call  [default: 1 and 8]")
@click.option("--threads", type=click.IntRange(min=1), multiple=True, help="Engine threads.")
@click.option("--cpu", "cpus", type=click.IntRange(min=0), multiple=True, help="Pin to this CPU.")
@click.option(
    "--mode", "modes", type=MODES, multiple=True, help="Back-to-back and only this mode.  [default: all]"
)
@click.option("--calls", type=click.IntRange(min=11), help="Calls per run, however long they take.")
@click.option(
    "--period", metavar="BUDGET[@KHZ]", help="Paced arrivals  [default: shortest CQI period with room]"
)
@click.option("--realtime", is_flag=True, help="Ask for SCHED_FIFO and locked memory.")
@options.seed
@click.option("--budgets", "budget_file", type=options.FILE, help="YAML file with budgets of your own.")
@click.option(
    "--require", multiple=True, metavar="BUDGET[@KHZ]", help="Exit 3 unless every bundle keeps it everywhere."
)
@click.option("--baseline", metavar="NAME", help="Subject to compare with  [default: the first that runs]")
@click.option("--from", "from_json", type=options.FILE, help="Measure nothing: show this report's JSON.")
@options.json_file
@click.option("--html", "html_path", type=options.FILE, help="Write the report as one HTML page.")
def command(
    bundles: tuple[Path, ...],
    networks: tuple[Path, ...],
    budget_file: Path | None,
    require: tuple[str, ...],
    baseline: str | None,
    from_json: Path | None,
    json_path: Path | None,
    html_path: Path | None,
    extent: Extent | None,
    **plan_options: Any,
) -> None:
    """Time BUNDLEs on this machine and judge them against radio timing budgets.

    By default 1 and 8 users, with one thread, one pinned thread and all CPUs, back-to-back, paced, and paced
    beside a stressed neighbour.
    """
    from edgecsi.cli.output import emit
    from edgecsi.errors import GoalMissed
    from edgecsi.files import atomic_file
    from edgecsi.latency import requirements
    from edgecsi.latency.api import latency_report
    from edgecsi.latency.budget_file import load_budgets
    from edgecsi.latency.report_file import read_report
    from edgecsi.report.latency_page import latency_page
    from edgecsi.report.latency_table import print_latency

    for path in filter(None, (json_path, html_path)):
        if any(path.resolve().is_relative_to(bundle.resolve()) for bundle in bundles):
            raise click.BadParameter(f"a bundle never changes: write {path} outside it")
    budgets = load_budgets(budget_file)
    if from_json is not None:
        report = read_report(from_json)
        required = requirements.parse(require, report.budgets)
    else:
        required = requirements.parse(require, budgets)
        if not bundles and not networks:
            raise click.UsageError("nothing to time: give at least one BUNDLE or --network FOLDER")
        with _progress() as progress:
            report = latency_report(
                bundles,
                networks=networks,
                extent=extent or "default",
                budgets=budgets,
                baseline=baseline,
                progress=progress,
                **plan_options,
            )
    emit(report.model_dump(mode="json"), json_path, lambda console: print_latency(report, console))
    if html_path:
        with atomic_file(html_path) as temporary:
            temporary.write_text(latency_page(report), encoding="utf-8")
    if lines := requirements.missed(report, required) if required else []:
        raise GoalMissed(f"{'; '.join(lines[:5])}{f'; and {len(lines) - 5} more' if len(lines) > 5 else ''}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr that names the step; silent when stderr is no terminal."""
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from edgecsi.console import CleanConsole
    from edgecsi.printable import printable

    console = CleanConsole(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda what, done, total: bar.update(
            task, description=escape(printable(what)), completed=done, total=total
        )
