"""edgecsi verify: is a bundle whole, and does its engine predict here as it did where it was built?"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--digest", help="SHA-256 of the manifest that you trust; any other bundle is refused.")
@click.option("--threads", type=click.IntRange(min=1), help="Engine threads  [default: all CPUs]")
@click.option("--require-run", is_flag=True, help="Fail where this machine can't run the engine.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False), help="Write the result as JSON; - for stdout."
)
def command(
    bundle: Path, digest: str | None, threads: int | None, require_run: bool, json_path: str | None
) -> None:
    """Check every byte of BUNDLE, and its engine against the golden outputs."""
    from rich.console import Console

    from edgecsi.errors import EdgeCsiError, UnavailableError
    from edgecsi.files import write_json
    from edgecsi.report.verification_table import print_verification
    from edgecsi.runtime.verification import verify

    if json_path not in (None, "-") and Path(json_path).resolve().is_relative_to(bundle.resolve()):
        raise click.BadParameter("a bundle never changes: write the result outside it", param_hint="--json")
    result = verify(bundle, threads=threads, digest=digest)
    if json_path == "-":
        click.echo(result.model_dump_json(indent=2))
    else:
        print_verification(result, Console())
    if json_path not in (None, "-"):
        write_json(Path(json_path), result.model_dump(mode="json"))
    if result.failures:
        raise EdgeCsiError(f"{bundle} fails: {'; '.join(check.line for check in result.failures)}")
    if require_run and not result.engine_executed:
        raise UnavailableError(f"{bundle} did not run here: {result.reason}")
