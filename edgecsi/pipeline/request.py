"""What a user asks `compress` for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecsi.bundle import Goals
from edgecsi.pipeline.profiles import Profile


@dataclass(frozen=True)
class CompressRequest:
    """data, teacher, student, calibration: files that replace the stages which would make them, or None.

    changed: the `section.field` names of the profile that the user changed.
    """

    targets: tuple[str, ...]
    profile: Profile
    out: Path
    goals: Goals
    data: Path | None = None
    teacher: Path | None = None
    student: Path | None = None
    calibration: Path | None = None
    backbone_folder: Path | None = None
    changed: tuple[str, ...] = ()
    seed: int = 0

    @property
    def cache(self) -> Path:
        """Stages are kept beside what they make; removing the output folder removes them."""
        return self.out / ".cache"
