"""The models that come with the package, trained by benchmarks/train_reference.py on TR 38.901 channels.

Each is a model folder `shipped_models/<name>-<duplex>` with a model card (README.md). Of the teacher it holds
the trained part in FP16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgecsi.errors import ModelError

FOLDER = Path(__file__).parent / "shipped_models"
Role = Literal["student", "rounded student", "teacher"]
# What a user may call `reference`: the student that predicts best in benchmarks/results/tables. INT8 and BF16
# would round the equations that it solves, so engines that round get the one that loses least by it.
REFERENCES: dict[Role, dict[str, str]] = {
    "student": {"tdd": "csi-alm-light-ad", "fdd": "csi-alm-light-ad"},
    "rounded student": {"tdd": "csi-alm-light-delta", "fdd": "csi-alm-light"},
    "teacher": {"tdd": "csi-alm", "fdd": "csi-alm"},
}


def shipped(name: str, duplex: str) -> Path:
    """The model folder of a shipped network; ModelError where there is none."""
    folder = FOLDER / f"{name}-{duplex}"
    if not (folder / "config.json").is_file():
        known = ", ".join(sorted(path.name for path in FOLDER.iterdir() if path.is_dir())) or "none"
        raise ModelError(f"no {name} for {duplex} comes with edgecsi (shipped: {known}); train one")
    return folder


def find(role: Role, model: Path, duplex: str) -> Path:
    """The folder of a network that a user names: a folder, `reference`, or the name of a shipped network.

    ModelError for a shipped network that there is not for this duplex mode.
    """
    if model.exists() or model.name != str(model):
        return model
    if model.name == "reference":
        return shipped(REFERENCES[role][duplex], duplex)
    return shipped(model.name, duplex) if any(FOLDER.glob(f"{model.name}-?dd")) else model
