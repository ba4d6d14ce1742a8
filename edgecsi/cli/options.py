"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

from edgecsi.cli.from_model import model_options
from edgecsi.metrics import GoalBounds

PATH = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)

seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
json_file = click.option("--json", "json_path", type=FILE, help="Write JSON; - for stdout.")
goals = model_options(GoalBounds)  # read back by `build_model(GoalBounds, values)`
