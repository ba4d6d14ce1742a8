"""Stage `data`: channels drawn by 3GPP TR 38.901 -> channels.h5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.stages.stage import STAGES, StageOptions, StageRow

DATA = "channels.h5"


class Options(DataOptions, StageOptions):
    """What to draw."""


def run(options: Options, inputs: Mapping[str, Path], out: Path) -> None:
    """No inputs -> channels.h5."""
    from edgecsi.channel.tr38901 import generate
    from edgecsi.progress import progress_bar

    with progress_bar("channels") as show:
        generate(out / DATA, options, show)


ROW = STAGES.register(
    StageRow(
        "data",
        "draw channels by 3GPP TR 38.901",
        run,
        Options,
        libraries=lambda options: ("sionna-no-rt", "torch", "numpy"),
        module=__name__,
    )
)
