"""A user's own budgets, in YAML.

budgets:
  - name: site-xapp
    path: deadline          # slot, report or deadline
    limit_us: 20000         # or per subcarrier spacing in kHz: {15: 4000, 30: 2000}
    source: agreement with the site
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.budgets import BUDGETS, HORIZON, SLOT_US, Budget
from edgecsi.yaml_files import read_yaml


def load_budgets(path: Path | None) -> tuple[Budget, ...]:
    """The built-in budgets and those of a YAML file. Raises EdgeCsiError for a file that is wrong."""
    return BUDGETS if path is None else (*BUDGETS, *_read(path))


def _read(path: Path) -> list[Budget]:
    documents = read_yaml(path, text_fields=("name", "source"))
    value = documents[0] if len(documents) == 1 else None
    rows = value.get("budgets") if isinstance(value, dict) and set(value) == {"budgets"} else None
    if not isinstance(rows, list) or not rows:
        raise EdgeCsiError(f"{path} must hold one list, named budgets, of name, path, limit_us and source")
    budgets = [_budget(path, row) for row in rows]
    names = [HORIZON, *(budget.name for budget in (*BUDGETS, *budgets))]
    if twice := {name for name in names if names.count(name) > 1}:
        raise EdgeCsiError(f"{path} names {', '.join(sorted(twice))} again; choose other names")
    return budgets


def _budget(path: Path, row: object) -> Budget:
    limit = row.get("limit_us") if isinstance(row, dict) else None
    if isinstance(row, dict) and isinstance(limit, int | float | str) and not isinstance(limit, bool):
        row = {**row, "limit_us": dict.fromkeys(SLOT_US, limit)}
    try:
        return Budget.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        name = row.get("name") if isinstance(row, dict) else row
        where = ".".join(map(str, first["loc"])) or "row"
        raise EdgeCsiError(f"{path}: budget {name!r:.80} is wrong at {where}: {first['msg']}") from error
