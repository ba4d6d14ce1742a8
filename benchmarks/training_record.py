"""`<folder>.json` beside a model folder: how and on which machine it was trained, for the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from environment import environment

from edgecsi.channel import Dataset, split
from edgecsi.files import write_json


def record_path(folder: Path) -> Path:
    """Where the record of a model folder lies."""
    return folder.with_name(f"{folder.name}.json")


def write_record(folder: Path, **facts: Any) -> None:
    """Facts of a training, which are JSON values or print as such, and this machine."""
    machine = environment()
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    folder.parent.mkdir(parents=True, exist_ok=True)
    write_json(record_path(folder), {**facts, "environment": machine})


def users_of(data: Path, max_users: int | None) -> dict[str, Any]:
    """How many users of a dataset train, and which dataset it is."""
    with Dataset.open(data) as dataset:
        count = len(split(dataset).train)
        return {"training_users": min(count, max_users or count), "dataset": dataset.digest}
