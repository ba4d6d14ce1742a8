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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation import ABLATION, CHOICE, distillation_gain
from channels import DUPLEXES
from environment import environment
from panels import group_panel, noise_words, snr_panel
from predictors import FEW_SHOT, NAMES, Row, SnrDb, classical, in_mixed_noise, networks
from size_table import size_panel
from table_files import Json, markdown, read_table, with_rows, write_table
from table_settings import Settings, everyone, spread

from edgecsi.channel import Dataset, split
from edgecsi.progress import say

RESULTS = Path(__file__).parent / "results" / "tables"
SPEED_SNRS: tuple[SnrDb, ...] = (20.0, None)


def _by_speed(
    settings: Settings,
    where: str,
    collection: str = "",
    names: Mapping[str, str] = NAMES,
    **options: Any,
) -> list[Json]:
    """Panels by speed for both duplex modes and the SNRs of SPEED_SNRS."""
    panels = []
    for duplex in DUPLEXES:
        path = settings.test_set(duplex, **options)
        with settings.validation_rows(duplex) as baselines:
            rows = [*baselines, *settings.networks(duplex, collection, names)]
            for snr in SPEED_SNRS:
                title = f"{duplex.upper()}, {where}, {noise_words(snr)}"
                panels.append(group_panel(title, rows, path, everyone(path), snr))
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
            rows = [*baselines, *settings.networks(duplex)]
            for words, speeds in (("30 km/h", (30.0, 30.0)), ("10-100 km/h", (10.0, 100.0))):
                path = settings.test_set(duplex, speed_kmh=speeds)
                panels.append(snr_panel(f"{duplex.upper()}, UMa NLoS, {words}", rows, path, everyone(path)))
    return panels


def ablation(settings: Settings) -> list[Json]:
    """What the LLM, its pretraining and the relations are worth."""
    panels = []
    for duplex in DUPLEXES:
        path = settings.test_set(duplex)
        rows = settings.networks(duplex, "ablation", ABLATION)
        panel = snr_panel(f"{duplex.upper()}, UMa NLoS, 10-100 km/h", rows, path, everyone(path))
        if not settings.only:
            panel["rows"] += distillation_gain(panel["rows"])
        panels.append(panel)
    return panels


def choice(settings: Settings) -> list[Json]:
    """Options of distillation and the range of the training noise, judged on validation users."""
    with settings.validation_set("tdd") as dataset:
        rows, users = settings.networks("tdd", "choice", CHOICE), np.arange(len(dataset))
        return [snr_panel("TDD, UMa NLoS, validation users, 10-100 km/h", rows, dataset.path, users)]


def size(settings: Settings) -> list[Json]:
    """Parameters and inference time."""
    with settings.validation_set("tdd") as dataset:
        baselines = in_mixed_noise(dataset, np.arange(len(dataset)))
        return [size_panel(settings.models / "tdd", dataset.radio, baselines)]


def cross_simulator(settings: Settings) -> list[Json]:
    """Trained and chosen on Sionna, tested on QuaDRiGa."""
    panels = []
    for duplex in DUPLEXES:
        with settings.quadriga_set(duplex) as path, settings.validation_rows(duplex) as baselines:
            users = spread(everyone(path), settings.users)
            rows = [*baselines, *settings.networks(duplex)]
            where = f"{duplex.upper()}, QuaDRiGa UMa NLoS"
            panels.append(snr_panel(f"{where}, 10-100 km/h", rows, path, users))
            panels += [
                group_panel(f"{where}, {noise_words(snr)}", rows, path, users, snr) for snr in SPEED_SNRS
            ]
    return panels


def fine_tune(settings: Settings) -> list[Json]:
    """Fine-tuned on speed blocks of QuaDRiGa and tested on others; beside it the models as they were."""
    with settings.quadriga_set() as path, Dataset.open(path) as dataset:
        users = split(dataset)
        test = spread(users.test, settings.users)
        before = [row for row in networks(settings.models / "tdd", dataset.radio) if row.predictors]
        tuned = [
            Row(f"{row.name}, fine-tuned", row.predictors, row.facts, row.reason)
            for row in networks(settings.models / "fine-tune" / "tdd", dataset.radio)
        ]
        rows = [*classical(dataset, spread(users.val, settings.validation)), *before, *tuned]
        rows = [row for row in rows if not settings.only or row.name in settings.only]
        return [snr_panel("TDD, QuaDRiGa UMa NLoS, speed blocks that nothing saw", rows, path, test)]


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
            order = [*NAMES.values(), *ABLATION.values(), *CHOICE.values()]
            table = with_rows(read_table(arguments.output, name), table, order)
        write_table(arguments.output, table)
        print(markdown(table))


if __name__ == "__main__":
    main()
