"""The models that come with the package, trained by benchmarks/train_reference.py on TR 38.901 channels.

Each is a model folder `shipped_models/<name>-<duplex>` with a model card (README.md, card.json), the recipe
of its training (recipe.yaml) and what users may call `reference` (role.json): the student that predicts best
in benchmarks/results/tables, and the one that loses least where engines round. Of a teacher it holds the
trained part in FP16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from edgecsi.errors import ModelError
from edgecsi.models.folder import CONFIG_FILE, load_config

FOLDER = Path(__file__).parent / "shipped_models"
ROLE_FILE = "role.json"
Role = Literal["student", "rounded student", "teacher"]


class Roles(BaseModel):
    """What a shipped model is the reference for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference_for: tuple[Role, ...] = ()


def shipped(name: str, duplex: str) -> Path:
    """The model folder of a shipped network; ModelError where there is none."""
    folder = FOLDER / f"{name}-{duplex}"
    if not (folder / CONFIG_FILE).is_file():
        raise ModelError(f"no {name} for {duplex} comes with edgecsi (shipped: {_names()}); train one")
    return folder


def reference(role: Role, duplex: str) -> Path:
    """The model folder that stands for a role; ModelError where there is none."""
    for path in sorted(FOLDER.glob(f"*/{ROLE_FILE}")):
        roles = Roles.model_validate_json(path.read_text())
        if role in roles.reference_for and load_config(path.parent).radio.duplex == duplex:
            return path.parent
    raise ModelError(f"no reference {role} for {duplex} comes with edgecsi (shipped: {_names()}); train one")


def find(role: Literal["student", "teacher"], model: Path, duplex: str, rounds: bool = False) -> Path:
    """The folder of a network that a user names: a folder, `reference`, or the name of a shipped network.

    rounds: an engine that it is for rounds the equations that a network solves; another student is the
    reference then, if the usual one solves any. ModelError for a shipped network that there is not for this
    duplex mode.
    """
    if model.exists() or model.name != str(model):
        return model
    if model.name != "reference":
        return shipped(model.name, duplex) if any(FOLDER.glob(f"{model.name}-?dd")) else model
    folder = reference(role, duplex)
    if rounds and role == "student" and load_config(folder).row.requires_fp32_solver:
        return reference("rounded student", duplex)
    return folder


def _names() -> str:
    return ", ".join(sorted(path.name for path in FOLDER.iterdir() if path.is_dir())) or "none"
