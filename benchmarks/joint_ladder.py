"""The ladder of csi-joint against the array student alone: NMSE by steps, delays solved and grids.

    python benchmarks/joint_ladder.py --users 40
    python benchmarks/joint_ladder.py --users 40 --quadriga uma_nlos_900.npz

New users (of Sionna, or spread over the archive's), all predicted by every rung from the same noisy
histories. A rung's gain is the difference of the two means in dB; its standard error is that of the pairs.
Rungs of fewer than three steps take the first of the three steps' scalars: they were not trained by
themselves. Prints a table and writes benchmarks/results/joint_ladder_<channels>.json.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from channels import TEST_SEED, channels
from environment import environment
from numpy.typing import NDArray
from quadriga import write_quadriga
from torch import nn

from edgecsi.channel import Dataset
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.files import write_json
from edgecsi.metrics import Energies
from edgecsi.models import ModelConfig, build_network, load, load_config
from edgecsi.models.shipped import shipped
from edgecsi.progress import say
from edgecsi.radio import RadioSetting
from edgecsi.users import Users

SNR_DB = (10.0, 20.0, 30.0, None)  # None: clean
NOISE_SEED = 7
BATCH = 4
RUNGS = (  # steps, delays, grids
    *((steps, 16, grids) for grids in (1, 2) for steps in (1, 2, 3)),
    *((3, delays, grids) for grids in (1, 2) for delays in (8, 24)),
)
BEST = (3, 16, 2)  # what is shipped, the only rung that is asked for clean histories too
STUDENT = "array student"
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Draw or read users, measure every rung, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--quadriga", type=Path, help="archive of QuaDRiGa channels instead of new ones")
    parser.add_argument("--seed", type=int, default=TEST_SEED + 21)
    parser.add_argument("--cache", type=Path, default=Path("build/tables"), help="where datasets are kept")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.quadriga:
        arguments.cache.mkdir(parents=True, exist_ok=True)
        path = arguments.cache / "quadriga.h5"
        if not path.exists():
            write_quadriga(arguments.quadriga, path, RadioSetting())
    else:
        path = channels(
            arguments.cache, DataOptions(users=arguments.users, users_per_drop=1, seed=arguments.seed)
        )
    with Dataset.open(path) as dataset:
        chosen = np.linspace(0, len(dataset) - 1, arguments.users).astype(int)
        found = measure(dataset, chosen)
        name, facts = dataset.origin.generator.split()[0].lower(), dataset.origin.model_dump(mode="json")
    result = {"channels": facts, "users": len(chosen), **found, "environment": environment()}
    write_json(arguments.output or RESULTS / f"joint_ladder_{name}.json", result)
    print(table(result["rows"]))


def measure(dataset: Dataset, chosen: NDArray[np.int64]) -> dict[str, Any]:
    """NMSE of the array student and of every rung at every SNR, as JSON values."""
    networks: dict[str, nn.Module] = {STUDENT: load(shipped("csi-alm-light-ad", "tdd"))}
    radio = load_config(shipped("csi-joint", "tdd")).radio
    trained = load(shipped("csi-joint", "tdd")).state_dict()
    for rung in RUNGS:
        options = dict(zip(("steps", "delays", "grids"), rung, strict=True))
        network = build_network(ModelConfig(name="csi-joint", radio=radio, options=options)).eval()
        if options["steps"] == 3:
            network.load_state_dict(trained, strict=False)
        networks[words(rung)] = network
    users, rows = dataset.users(chosen), []
    for snr_db in SNR_DB:
        inputs = users.inputs
        if snr_db is not None:
            inputs = dataset.task.add_noise(inputs, chosen, snr_db, NOISE_SEED, 0)
        base = None
        for name, network in networks.items():
            if snr_db is None and name not in (STUDENT, words(BEST)):
                continue
            started = time.perf_counter()
            ratios = predict(network, Users(inputs, users.targets), dataset).ratios
            seconds = (time.perf_counter() - started) / len(chosen)
            base = ratios if base is None else base
            gain, error = paired_db(ratios, base)
            mean = 10 * math.log10(ratios.mean())
            worst = float(10 * np.log10(ratios / base).max())
            row = {"name": name, "snr_db": snr_db, "nmse_db": mean, "seconds_per_user": seconds}
            rows.append(row | {"gain_db": gain, "standard_error_db": error, "worst_user_db": worst})
            say(f"{snr_db} dB, {name}: {mean:.2f}, {gain:+.2f} +- {error:.2f}")
    return {"rows": rows}


def words(rung: tuple[int, int, int]) -> str:
    """A rung's name in the table."""
    return ", ".join(
        f"{count} {thing}{'s' * (count > 1)}"
        for count, thing in zip(rung, ("step", "delay", "grid"), strict=True)
    )


def predict(network: nn.Module, users: Users, dataset: Dataset) -> Energies:
    """Errors of a network's predictions."""
    task, parts = dataset.task, []
    with torch.inference_mode():
        for first in range(0, len(users.inputs), BATCH):
            some = slice(first, first + BATCH)
            outputs = network(torch.from_numpy(task.input.to_engine(users.inputs[some]))).numpy()
            parts.append(Energies.of(task.target.from_engine(outputs), users.targets[some]))
    return Energies.join(parts)


def paired_db(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    """Difference in dB of the means of two users' ratios, and its standard error from their pairs."""
    difference = 10 * math.log10(one.mean() / other.mean())
    slopes = 10 / math.log(10) * (one / one.mean() - other / other.mean())
    return difference, float(slopes.std(ddof=1) / math.sqrt(len(one)))


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line per rung, a column per SNR."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    heads = ["clean" if snr is None else f"{snr:g} dB" for snr in SNR_DB]
    lines = [f"| rung | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name in names:
        cells = []
        for snr_db in SNR_DB:
            found = [row for row in rows if (row["name"], row["snr_db"]) == (name, snr_db)]
            cells.append(_cell(found[0]) if found else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    if row["name"] == STUDENT:
        return f"{row['nmse_db']:.2f}"
    return f"{row['nmse_db']:.2f} ({row['gain_db']:+.2f} +- {row['standard_error_db']:.2f})"


if __name__ == "__main__":
    main()
