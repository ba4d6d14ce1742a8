"""edgecsi inspect: what a bundle says about itself."""

from __future__ import annotations

from pathlib import Path

import click

from edgecsi.cli import options


@click.command()
@click.argument("bundle", type=options.PATH)
@options.json_file
def command(bundle: Path, json_path: Path | None) -> None:
    """Show the manifest of BUNDLE, after checking that every byte of it is whole."""
    from edgecsi.bundle import open_bundle
    from edgecsi.cli.output import emit
    from edgecsi.report.manifest_table import print_manifest

    opened = open_bundle(bundle)
    description = {"digest": opened.digest, **opened.manifest.model_dump(mode="json")}
    emit(description, json_path, lambda console: print_manifest(opened.manifest, opened.digest, console))
