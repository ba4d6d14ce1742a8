"""edgecsi verify: is a bundle whole, and does its engine predict here as it did where it was built?"""

from __future__ import annotations

from pathlib import Path

import click

from edgecsi.cli import options


@click.command()
@click.argument("bundle", type=options.PATH)
@click.option("--digest", help="SHA-256 of the manifest that you trust; any other bundle is refused.")
@click.option("--threads", type=click.IntRange(min=1), help="Engine threads  [default: all CPUs]")
@click.option("--require-run", is_flag=True, help="Fail where this machine can't run the engine.")
@options.json_file
def command(
    bundle: Path, digest: str | None, threads: int | None, require_run: bool, json_path: Path | None
) -> None:
    """Check every byte of BUNDLE, and its engine and goals on the golden users."""
    from edgecsi.cli.output import emit
    from edgecsi.errors import EdgeCsiError, UnavailableError
    from edgecsi.report.verification_table import print_verification
    from edgecsi.runtime.verification import verify

    if json_path and str(json_path) != "-" and json_path.resolve().is_relative_to(bundle.resolve()):
        raise click.BadParameter("a bundle never changes: write the result outside it", param_hint="--json")
    result = verify(bundle, threads=threads, digest=digest)
    findings = result.model_dump(mode="json")
    emit(findings, json_path, lambda console: print_verification(result, console))
    if result.failures:
        raise EdgeCsiError(f"{bundle} fails: {'; '.join(check.line for check in result.failures)}")
    if require_run and not result.engine_executed:
        raise UnavailableError(f"{bundle} did not run here: {result.reason}")
