"""The models that come with the package, trained by benchmarks/train_reference.py on TR 38.901 channels.

Each is a model folder `shipped_models/<name>-<duplex>` with a model card (README.md).
"""

from __future__ import annotations

from pathlib import Path

from edgecsi.errors import ModelError

FOLDER = Path(__file__).parent / "shipped_models"
REFERENCE = "csi-alm-light"  # the student that every target holds


def shipped(name: str, duplex: str) -> Path:
    """The model folder of a shipped network; ModelError where there is none."""
    folder = FOLDER / f"{name}-{duplex}"
    if not (folder / "config.json").is_file():
        known = ", ".join(sorted(path.name for path in FOLDER.iterdir() if path.is_dir())) or "none"
        raise ModelError(f"no {name} for {duplex} comes with edgecsi (shipped: {known}); train one")
    return folder


def find_student(student: Path, duplex: str) -> Path:
    """The folder of a student that a user names: a folder, `reference`, or the name of a shipped network."""
    if student.exists() or student.name != str(student):
        return student
    name = REFERENCE if student.name == "reference" else student.name
    return shipped(name, duplex) if any(FOLDER.glob(f"{name}-?dd")) else student
