"""The models that come with the package, trained by benchmarks/train_reference.py on TR 38.901 channels.

Each is a model folder `shipped_models/<name>-<duplex>` with a model card (README.md). A teacher is kept as
its trained part in FP16; its frozen backbone comes from its own package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgecsi.errors import ModelError

FOLDER = Path(__file__).parent / "shipped_models"
REFERENCE = {"teacher": "csi-alm", "student": "csi-alm-light"}


def shipped(name: str, duplex: str) -> Path:
    """The model folder of a shipped network; ModelError where there is none."""
    folder = FOLDER / f"{name}-{duplex}"
    if not (folder / "config.json").is_file():
        known = ", ".join(sorted(path.name for path in FOLDER.iterdir() if path.is_dir())) or "none"
        raise ModelError(f"no {name} for {duplex} comes with edgecsi (shipped: {known}); train one")
    return folder


def find_model(role: Literal["teacher", "student"], model: Path, duplex: str) -> Path:
    """The folder of a model that a user names: a folder, `reference`, or the name of a shipped network."""
    if model.exists() or model.name != str(model):
        return model
    name = REFERENCE[role] if model.name == "reference" else model.name
    is_shipped = model.name == "reference" or any(FOLDER.glob(f"{name}-?dd"))
    return shipped(name, duplex) if is_shipped else model
