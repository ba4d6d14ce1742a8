"""edgecsi inspect: what a bundle says about itself."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False), help="Write the manifest as JSON; - for stdout."
)
def command(bundle: Path, json_path: str | None) -> None:
    """Show the manifest of BUNDLE, after checking that every byte of it is whole."""
    from rich.console import Console

    from edgecsi.bundle import open_bundle
    from edgecsi.files import write_json
    from edgecsi.report.manifest_table import print_manifest

    opened = open_bundle(bundle)
    description = {"digest": opened.digest, **opened.manifest.model_dump(mode="json")}
    if json_path == "-":
        click.echo(json.dumps(description, indent=2))
        return
    print_manifest(opened.manifest, opened.digest, Console())
    if json_path:
        write_json(Path(json_path), description)
