"""edgecsi latency-report: time engines against radio deadlines."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("latency-report")
@click.argument("bundles", type=FOLDER, nargs=-1, metavar="BUNDLE...")
@click.option(
    "--network", "networks", type=FOLDER, multiple=True, help="Also time this PyTorch model folder."
)
@click.option("--users", type=click.IntRange(min=1), multiple=True, default=(1, 8), show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Engine threads  [default: all CPUs]")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the test inputs."
)
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False), help="Write the report as JSON; - for stdout."
)
def command(
    bundles: tuple[Path, ...],
    networks: tuple[Path, ...],
    users: tuple[int, ...],
    threads: int | None,
    seed: int,
    json_path: str | None,
) -> None:
    """Time bundles on this machine and judge them against radio timing budgets."""
    from rich.console import Console

    from edgecsi.files import write_json
    from edgecsi.latency.environment import available_cpus
    from edgecsi.latency.session import run_session
    from edgecsi.latency.subjects import BundleSubject, NetworkSubject
    from edgecsi.latency.worker import Setting
    from edgecsi.report.latency_table import print_latency

    if not bundles and not networks:
        raise click.UsageError("nothing to time: give at least one BUNDLE or --network FOLDER")
    subjects = [*map(BundleSubject, bundles), *map(NetworkSubject, networks)]
    settings = [Setting(count, threads or len(available_cpus())) for count in users]
    report = run_session(
        subjects, settings, seed=seed, progress=lambda line: click.echo(f"timing {line} ...", err=True)
    )
    if json_path == "-":
        click.echo(report.model_dump_json(indent=2))
        return
    print_latency(report, Console())
    if json_path:
        write_json(Path(json_path), report.model_dump(mode="json"))
