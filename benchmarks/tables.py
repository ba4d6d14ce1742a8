"""The papers' tables, with every baseline in them: one command each, JSON, Markdown and a plot.

    python benchmarks/tables.py speed --models build/reference
    python benchmarks/tables.py snr few-shot zero-shot ablation size --models build/reference
    python benchmarks/tables.py cross-simulator fine-tune --models build/reference --quadriga uma_nlos_900.npz

    speed             NMSE against speed, TDD and FDD, at 20 dB SNR and without noise
    snr               NMSE against the history's SNR, at 30 km/h and over all speeds, TDD and FDD
    few-shot          models trained on a tenth of the users (MODELS/few-shot)
    zero-shot         models trained in UMa, tested in UMi
    ablation          backbones, distillation and relations, over seeds (MODELS/ablation)
    choice            distillation's options and the range of the noise, on validation users (MODELS/choice)
    size              parameters and inference time on this machine (the papers' Table I)
    cross-simulator   trained on Sionna, tested on QuaDRiGa
    fine-tune         fine-tuned on a part of QuaDRiGa's speed blocks (MODELS/fine-tune), tested on others

With `--only ROW...` these rows are measured and put into the table that is there. This only measures;
benchmarks/train_reference.py and train_baselines.py train. Where a model lies: benchmarks/predictors.py. A
row without a model stays in the table and says so. Test channels are drawn by TR 38.901 from a seed that no
training uses, and kept in `--cache`. NMSE is the users' mean against the clean target.
Writes benchmarks/results/tables/<table>.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation import ABLATION, CHOICE, distillation_gain
from channels import DUPLEXES, TEST_SEED, VALIDATION_SEED, Duplex, channels
from environment import environment
from numpy.typing import NDArray
from panels import noise_words, snr_panel, speed_panel
from predictors import FEW_SHOT, NETWORKS, Row, SnrDb, classical, networks
from quadriga import write_quadriga
from size_table import size_panel
from table_files import Json, markdown, read_table, with_rows, write_table

from edgecsi.channel import Dataset, split
from edgecsi.channel.tr38901 import SHAPE, Recipe
from edgecsi.progress import say

RESULTS = Path(__file__).parent / "results" / "tables"
SPEED_SNRS: tuple[SnrDb, ...] = (20.0, None)


@dataclass(frozen=True)
class Settings:
    """models, quadriga: see above; users, validation: how many of each test set and for choosing.

    only: names of the rows to measure; none: all of them.
    """

    models: Path
    cache: Path
    quadriga: Path | None = None
    users: int = 120
    validation: int = 60
    only: tuple[str, ...] = ()

    @contextmanager
    def validation_rows(self, duplex: str) -> Iterator[list[Row]]:
        """Classical predictors chosen on the channels that the networks are trained on."""
        if self.only:
            yield []
            return
        path = channels(self.cache, Recipe(duplex=duplex, seed=VALIDATION_SEED), self.validation)
        with Dataset.open(path) as dataset:
            yield classical(dataset, np.arange(len(dataset)))

    def networks(self, folder: Path, names: Mapping[str, str] = NETWORKS) -> list[Row]:
        """The rows of a folder of models."""
        return [row for row in networks(folder, names) if not self.only or row.name in self.only]

    def test_set(self, duplex: str, **recipe: Any) -> Path:
        """Test channels, UMa NLoS at 10 to 100 km/h unless the recipe says otherwise."""
        return channels(self.cache, Recipe(duplex=duplex, seed=TEST_SEED, **recipe), self.users)


def _all(path: Path) -> NDArray[np.int64]:
    with Dataset.open(path) as dataset:
        return np.arange(len(dataset))


def _by_speed(
    settings: Settings,
    where: str,
    collection: str = "",
    names: Mapping[str, str] = NETWORKS,
    **recipe: Any,
) -> list[Json]:
    """Panels by speed for both duplex modes and the SNRs of SPEED_SNRS."""
    panels = []
    for duplex in DUPLEXES:
        path = settings.test_set(duplex, **recipe)
        with settings.validation_rows(duplex) as baselines:
            rows = [*baselines, *settings.networks(settings.models / collection / duplex, names)]
            for snr in SPEED_SNRS:
                title = f"{duplex.upper()}, {where}, {noise_words(snr)}"
                panels.append(speed_panel(title, rows, path, _all(path), snr))
    return panels


def speed(settings: Settings) -> list[Json]:
    """NMSE against speed."""
    return _by_speed(settings, "UMa NLoS")


def few_shot(settings: Settings) -> list[Json]:
    """The same with models trained on a tenth of the users."""
    return _by_speed(settings, "UMa NLoS, trained on a tenth", "few-shot", FEW_SHOT)


def zero_shot(settings: Settings) -> list[Json]:
    """Models trained in UMa, tested in UMi."""
    return _by_speed(settings, "trained in UMa, tested in UMi NLoS", scenario="umi")


def snr(settings: Settings) -> list[Json]:
    """NMSE against the history's SNR."""
    panels = []
    for duplex in DUPLEXES:
        with settings.validation_rows(duplex) as baselines:
            rows = [*baselines, *settings.networks(settings.models / duplex)]
            for words, speeds in (("30 km/h", (30.0, 30.0)), ("10-100 km/h", (10.0, 100.0))):
                path = settings.test_set(duplex, speed_kmh=speeds)
                panels.append(snr_panel(f"{duplex.upper()}, UMa NLoS, {words}", rows, path, _all(path)))
    return panels


def ablation(settings: Settings) -> list[Json]:
    """What the LLM, its pretraining and the relations are worth."""
    panels = []
    for duplex in DUPLEXES:
        path = settings.test_set(duplex)
        rows = settings.networks(settings.models / "ablation" / duplex, ABLATION)
        panel = snr_panel(f"{duplex.upper()}, UMa NLoS, 10-100 km/h", rows, path, _all(path))
        if not settings.only:
            panel["rows"] += distillation_gain(panel["rows"])
        panels.append(panel)
    return panels


def choice(settings: Settings) -> list[Json]:
    """Options of distillation and the range of the training noise, judged on validation users."""
    recipe = Recipe(duplex="tdd", seed=VALIDATION_SEED)
    path = channels(settings.cache, recipe, settings.validation)
    rows = settings.networks(settings.models / "choice" / "tdd", CHOICE)
    return [snr_panel("TDD, UMa NLoS, validation users, 10-100 km/h", rows, path, _all(path))]


def size(settings: Settings) -> list[Json]:
    """Parameters and inference time."""
    return [size_panel(settings.models / "tdd")]


def cross_simulator(settings: Settings) -> list[Json]:
    """Trained and chosen on Sionna, tested on QuaDRiGa."""
    panels = []
    for duplex in DUPLEXES:
        with _quadriga(settings, duplex) as path, settings.validation_rows(duplex) as baselines:
            users = _spread(_all(path), settings.users)
            rows = [*baselines, *settings.networks(settings.models / duplex)]
            where = f"{duplex.upper()}, QuaDRiGa UMa NLoS"
            panels.append(snr_panel(f"{where}, 10-100 km/h", rows, path, users))
            panels += [
                speed_panel(f"{where}, {noise_words(snr)}", rows, path, users, snr) for snr in SPEED_SNRS
            ]
    return panels


def fine_tune(settings: Settings) -> list[Json]:
    """Fine-tuned on speed blocks of QuaDRiGa and tested on others; beside it the models as they were."""
    with _quadriga(settings) as path, Dataset.open(path) as dataset:
        users = split(dataset)
        test = _spread(users.test, settings.users)
        before = [row for row in networks(settings.models / "tdd") if row.predictors]
        tuned = [
            Row(f"{row.name}, fine-tuned", row.predictors, row.facts, row.reason)
            for row in networks(settings.models / "fine-tune" / "tdd")
        ]
        rows = [*classical(dataset, _spread(users.val, settings.validation)), *before, *tuned]
        rows = [row for row in rows if not settings.only or row.name in settings.only]
        return [snr_panel("TDD, QuaDRiGa UMa NLoS, speed blocks that nothing saw", rows, path, test)]


@contextmanager
def _quadriga(settings: Settings, duplex: Duplex = "tdd") -> Iterator[Path]:
    if settings.quadriga is None:
        raise SystemExit("this table needs --quadriga ARCHIVE")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quadriga.h5"
        write_quadriga(settings.quadriga, path, SHAPE, duplex)
        yield path


def _spread(users: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of them, evenly, so that every speed has its share."""
    return users[np.linspace(0, len(users) - 1, min(count, len(users))).astype(int)]


TABLES: dict[str, Callable[[Settings], list[Json]]] = {
    "speed": speed,
    "snr": snr,
    "few-shot": few_shot,
    "zero-shot": zero_shot,
    "ablation": ablation,
    "choice": choice,
    "size": size,
    "cross-simulator": cross_simulator,
    "fine-tune": fine_tune,
}


def build(name: str, settings: Settings) -> Json:
    """One table as JSON values."""
    about = " ".join(TABLES[name].__doc__.split())
    told = {"test_users": settings.users, "validation_users": settings.validation}
    panels = TABLES[name](settings)
    return {"table": name, "about": about, "settings": told, "environment": environment(), "panels": panels}


def main() -> None:
    """Build, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", choices=list(TABLES), metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--models", type=Path, default=Path("build/reference"))
    parser.add_argument("--cache", type=Path, default=Path("build/tables"), help="where channels are kept")
    parser.add_argument("--quadriga", type=Path, help="archive of QuaDRiGa channels")
    parser.add_argument("--users", type=int, default=120, help="test users of each kind")
    parser.add_argument("--validation-users", type=int, default=60, help="to choose order and ridge on")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="ROW", help="put these into the table there is"
    )
    parser.add_argument("--threads", type=int, help="of PyTorch")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = Settings(
        arguments.models,
        arguments.cache,
        arguments.quadriga,
        arguments.users,
        arguments.validation_users,
        tuple(arguments.only),
    )
    for name in arguments.tables:
        say(f"table {name}")
        table = build(name, settings)
        if settings.only:
            order = [*NETWORKS.values(), *ABLATION.values(), *CHOICE.values()]
            table = with_rows(read_table(arguments.output, name), table, order)
        write_table(arguments.output, table)
        print(markdown(table))


if __name__ == "__main__":
    main()
