"""How fast channels are drawn and stored: users per second on one core, and what a reader gets back.

    python benchmarks/channel_generation.py [--users 500]

Claim: at least 50 users/s per core. Writes benchmarks/results/channel_generation.json.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from environment import environment

from edgecsi.channel import Dataset
from edgecsi.channel.tr38901 import ChannelGenerator, generate
from edgecsi.channel.tr38901_options import DataOptions
from edgecsi.files import write_json

RESULT = Path(__file__).parent / "results" / "channel_generation.json"
TARGET_USERS_PER_S = 50.0


def users_per_second(work: Callable[[], object], users: int) -> dict[str, float]:
    """Run `work` once; by wall clock, and by processor time, which a busy machine changes less."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "wall": users / (time.perf_counter() - wall),
        "core": users / (time.process_time() - cpu),
    }


def main() -> None:
    """Measure every scenario end to end (draw, check, store) and reading in random order."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=500)
    users = parser.parse_args().users
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.h5"
        for scenario in ("uma", "umi"):
            for los in (False, True):
                options = DataOptions(scenario=scenario, los=los, users=users)
                ChannelGenerator(options).batch(0)  # first-call costs are not throughput
                rate = users_per_second(lambda options=options: generate(path, options), users)
                rows.append({"scenario": scenario, "los": los, "users_per_s": rate})
                print(f"{scenario} {'los' if los else 'nlos'}: {rate['core']:.0f} users/s per core")
        with Dataset.open(path) as ds:
            order = np.random.default_rng(0).permutation(users)
            read = users_per_second(
                lambda: [ds.history(order[i : i + 32]) for i in range(0, users, 32)], users
            )
        megabytes = path.stat().st_size / 1e6
    slowest = min(row["users_per_s"]["core"] for row in rows)
    print(f"random reading: {read['core']:.0f} users/s; slowest generation: {slowest:.0f} users/s per core")
    write_json(
        RESULT,
        {
            "users": users,
            "cores_used": 1,
            "generation": rows,
            "slowest_users_per_s_per_core": slowest,
            "target_users_per_s_per_core": TARGET_USERS_PER_S,
            "target_met": slowest >= TARGET_USERS_PER_S,
            "random_read_users_per_s": read,
            "megabytes_per_user": megabytes / users,
            "environment": environment(),
        },
    )


if __name__ == "__main__":
    main()
