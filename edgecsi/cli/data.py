"""edgecsi data: make, import and look at channel datasets."""

from __future__ import annotations

import json
from pathlib import Path

import click


class Speeds(click.ParamType):
    """Speeds in km/h: `30`, `10-100` or `5,10,50`."""

    name = "km/h"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Text -> speeds, or a usage error."""
        from edgecsi.channel.speeds import parse_speeds

        try:
            return parse_speeds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


OUTPUT = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Dataset to write."
)


@click.group()
def command() -> None:
    """Generate, import and inspect channel data."""


@command.command()
@click.option("--scenario", type=click.Choice(["uma", "umi"]), default="uma", show_default=True)
@click.option(
    "--los/--nlos", default=False, help="Line of sight for every user, or for none.  [default: nlos]"
)
@click.option(
    "--duplex",
    type=click.Choice(["tdd", "fdd"]),
    default="tdd",
    show_default=True,
    help="fdd: the future is on the adjacent band.",
)
@click.option("--speed", type=Speeds(), default="10-100", show_default=True, help="One speed or a range.")
@click.option("--users", type=click.IntRange(1), default=1000, show_default=True)
@click.option(
    "--users-per-drop",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="Users who share large-scale parameters; splits keep them together.",
)
@click.option(
    "--ue-pattern",
    type=click.Choice(["omni", "38.901", "mixed"]),
    default="omni",
    show_default=True,
    help="Antenna pattern of the users; mixed: half of them have each.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--test-share",
    type=click.FloatRange(0, 0.8, min_open=True),
    help="Share of the users that are kept for tests.  [default: 0.1]",
)
@OUTPUT
def generate(
    scenario: str,
    los: bool,
    duplex: str,
    speed: tuple[float, ...],
    users: int,
    users_per_drop: int,
    ue_pattern: str,
    seed: int,
    test_share: float | None,
    output: Path,
) -> None:
    """Draw channels by 3GPP TR 38.901 with Sionna."""
    if len(speed) > 2:
        raise click.BadParameter("one speed or a range, as 10-100", param_hint="--speed")
    from edgecsi.channel.tr38901 import Recipe
    from edgecsi.channel.tr38901 import generate as generate_channels
    from edgecsi.progress import progress_bar

    recipe = Recipe(
        scenario, los, duplex, (speed[0], speed[-1]), ue_pattern, users_per_drop, seed, test_share
    )
    with progress_bar("channels") as show:
        generate_channels(output, recipe, users, show)
    click.echo(f"{output}: {users} users")


@command.command(name="import")
@click.option(
    "--history", type=click.Path(path_type=Path), required=True, help="v7.3 .mat file with H_U_his*."
)
@click.option(
    "--future", type=click.Path(path_type=Path), required=True, help="With H_U_pre* (TDD) or H_D_pre* (FDD)."
)
@click.option(
    "--speeds",
    type=Speeds(),
    default="10-100",
    show_default=True,
    help="Speeds along the speed axis: the ends (linear between), or a list.",
)
@click.option(
    "--drops",
    type=click.Choice(["user", "speed"]),
    default="user",
    show_default=True,
    help="What splits keep together: one user at one speed, or all users of a speed.",
)
@click.option("--scenario", default="unknown", show_default=True, help="What the channels are, as uma.")
@click.option("--los/--nlos", default=None, help="What the channels are.  [default: unknown]")
@click.option("--carrier-ghz", type=click.FloatRange(0, min_open=True), default=2.4, show_default=True)
@click.option("--subcarrier-khz", type=click.FloatRange(0, min_open=True), default=180.0, show_default=True)
@click.option("--step-ms", type=click.FloatRange(0, min_open=True), default=0.5, show_default=True)
@OUTPUT
def import_(
    history: Path,
    future: Path,
    speeds: tuple[float, ...],
    drops: str,
    scenario: str,
    los: bool | None,
    carrier_ghz: float,
    subcarrier_khz: float,
    step_ms: float,
    output: Path,
) -> None:
    """Import LLM4CP / QuaDRiGa MATLAB files of shape [speed, user, time, subcarrier, 4, 4, 2], streamed."""
    from edgecsi import __version__
    from edgecsi.channel.info import ChannelInfo
    from edgecsi.channel.mat import import_mat
    from edgecsi.progress import progress_bar

    info = ChannelInfo(
        scenario=scenario,
        los=los,
        duplex="tdd",  # until the future's name says otherwise
        carrier_hz=carrier_ghz * 1e9,
        subcarrier_spacing_hz=subcarrier_khz * 1e3,
        step_s=step_ms * 1e-3,
        generator=f"import of {history.name} and {future.name}",
        generator_version=f"edgecsi {__version__}",
    )
    with progress_bar("import") as show:
        import_mat(output, history, future, info, speeds, drops, show)
    click.echo(f"{output}: imported")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False), help="Write the summary as JSON; - for stdout."
)
def info(file: Path, json_path: str | None) -> None:
    """Show what the dataset FILE holds."""
    from edgecsi.channel.dataset import Dataset
    from edgecsi.channel.summary import summarise
    from edgecsi.files import write_json

    with Dataset.open(file) as dataset:
        summary = summarise(dataset).model_dump(mode="json")
    if json_path == "-":
        click.echo(json.dumps(summary, indent=2))
        return
    rows = {**summary, **summary["info"]}
    del rows["info"]
    for name, value in rows.items():
        click.echo(f"{name:<22} {value}")
    if json_path:
        write_json(Path(json_path), summary)
