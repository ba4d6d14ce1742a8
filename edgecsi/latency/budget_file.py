"""A user's own budgets, in YAML.

budgets:
  - name: site-xapp
    path: deadline          # slot, report or deadline
    limit_us: 20000         # or per subcarrier spacing in kHz: {15: 4000, 30: 2000}
    source: agreement with the site
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.budgets import BUDGETS, HORIZON, SLOT_US, Budget

MAX_BYTES = 1 << 20


def load_budgets(path: Path | None) -> tuple[Budget, ...]:
    """The built-in budgets and those of a YAML file. Raises EdgeCsiError for a file that is wrong."""
    return BUDGETS if path is None else (*BUDGETS, *_read(path))


def _read(path: Path) -> list[Budget]:
    try:
        with path.open("rb") as file:
            value = yaml.safe_load(file.read(MAX_BYTES))
    except (yaml.YAMLError, RecursionError) as error:
        raise EdgeCsiError(f"{path} is no YAML: {error}") from error
    rows = value.get("budgets") if isinstance(value, dict) and set(value) == {"budgets"} else None
    if not isinstance(rows, list) or not rows:
        raise EdgeCsiError(f"{path} must hold one list, named budgets, of name, path, limit_us and source")
    budgets = [_budget(path, row) for row in rows]
    names = [HORIZON, *(budget.name for budget in (*BUDGETS, *budgets))]
    if twice := {name for name in names if names.count(name) > 1}:
        raise EdgeCsiError(f"{path} names {', '.join(sorted(twice))} again; choose other names")
    return budgets


def _budget(path: Path, row: object) -> Budget:
    if isinstance(row, dict) and isinstance(row.get("limit_us"), int | float):
        row = {**row, "limit_us": dict.fromkeys(SLOT_US, row["limit_us"])}
    try:
        return Budget.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        name = row.get("name") if isinstance(row, dict) else row
        where = ".".join(map(str, first["loc"])) or "row"
        raise EdgeCsiError(f"{path}: budget {name!r} is wrong at {where}: {first['msg']}") from error
