"""The same student in every CPU engine, side by side; beside it the teacher and the baselines, as in Table I.

    python benchmarks/cpu_engines.py [--build build] [--runs 2]

Needs what `make compress` leaves in `build/`: the model folders and the bundles. Targets that are not
there yet are built from the student's graph. Engines take turns, every setting has five process starts,
and the ratios to PyTorch eager come with 95 % intervals; the runs must agree within the intervals that
they print. Writes benchmarks/results/cpu_engines.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from edgecsi.bundle import open_bundle
from edgecsi.errors import EdgeCsiError
from edgecsi.export.targets import all_targets
from edgecsi.files import write_json
from edgecsi.latency import (
    BundleSubject,
    LatencyReport,
    Measurable,
    NetworkSubject,
    Plan,
    make_plan,
    run_session,
)
from edgecsi.latency.report_schema import Comparison
from edgecsi.metrics import GoalBounds
from edgecsi.report.latency_table import print_latency
from edgecsi.runtime.engine import ENGINES, EngineRow
from edgecsi.stages.bundles import bundle_path
from edgecsi.stages.rebuild import rebuild

RESULT = Path(__file__).parent / "results" / "cpu_engines.json"
STARTS = 5
BULKY = {"verdicts", "cdf", "histogram_edges_us", "histogram_counts"}


def bundles(build: Path, work: Path) -> list[BundleSubject]:
    """One bundle per CPU target: as found in `build`, or built from the student's graph."""
    found = [BundleSubject(path) for path in sorted(build.glob("*.edgecsi")) if _runs_on_cpu(path)]
    if not found:
        raise EdgeCsiError(f"{build} holds no bundle for a CPU; run make compress first")
    manifests = [open_bundle(subject.path).manifest for subject in found]
    have = {manifest.target for manifest in manifests}
    source, network = found[0].path, manifests[0].network.name
    bounds = GoalBounds(max_nmse_loss_db=1.0, max_worst_speed_loss_db=1.0)  # what is timed must still predict
    for target in all_targets():
        if not all(map(computes_on_cpu, target.rows)) or target.name in have:
            continue
        try:
            built = rebuild(source, target.name, bundle_path(work, target.name, network), bounds)
            found.append(BundleSubject(built.path))
        except EdgeCsiError as error:
            print(f"{target.name} is left out: {error}", file=sys.stderr)
    return found


def _runs_on_cpu(path: Path) -> bool:
    return computes_on_cpu(ENGINES.get(open_bundle(path).manifest.engine.name))


def computes_on_cpu(engine: EngineRow) -> bool:
    """Whether no GPU is in it."""
    return engine.gpu_probe is None


def networks(build: Path) -> list[NetworkSubject]:
    """The student in eager mode first, since it is the baseline; compiled; then every other model folder."""
    student = build / "student"
    others = sorted(path.parent for path in build.glob("*/config.json") if path.parent != student)
    return [NetworkSubject(student), NetworkSubject(student, "compiled"), *map(NetworkSubject, others)]


def plan() -> Plan:
    """One user, one thread and all CPUs; LoadGen's minimum over five process starts."""
    chosen = make_plan("default", users=(1,), modes=("back-to-back",))
    unpinned = tuple(setting for setting in chosen.settings if setting.cpus is None)
    return chosen.model_copy(
        update={"settings": unpinned, "starts": STARTS, "calls": 1000, "network_cap_seconds": 20.0}
    )


def agreement(first: LatencyReport, second: LatencyReport) -> list[dict[str, object]]:
    """For every ratio of two runs, whether their intervals overlap."""

    def key(entry: Comparison) -> tuple[str, str, str]:
        return entry.subject, entry.setting.words, entry.percentile

    later = {key(entry): entry for entry in second.comparisons}
    rows = []
    for entry in first.comparisons:
        other = later.get(key(entry))
        if other is not None and entry.low is not None and other.low is not None:
            overlap = entry.low <= other.high and other.low <= entry.high
            ratios = {"first": entry.ratio, "second": other.ratio}
            rows.append({"what": " ".join(key(entry)), **ratios, "intervals_overlap": overlap})
    return rows


def compact(report: LatencyReport) -> dict[str, object]:
    """Without what only pages and verdicts need."""
    every = {"subjects": {"__all__": {"cells": {"__all__": {"runs": {"__all__": BULKY}}}}}}
    return report.model_dump(mode="json", exclude={"budgets": True, "capacities": True, **every})


def main() -> None:
    """Measure, print, compare the runs and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--runs", type=int, default=2)
    arguments = parser.parse_args()
    reports = []
    with tempfile.TemporaryDirectory() as work:
        subjects: list[Measurable] = [*networks(arguments.build), *bundles(arguments.build, Path(work))]
        for _ in range(arguments.runs):
            report = run_session(
                subjects, plan(), progress=lambda what, done, total: print(f"{done + 1}/{total} {what}")
            )
            print_latency(report, Console())
            reports.append(report)
    rows = agreement(reports[0], reports[-1]) if len(reports) > 1 else []
    for row in rows:
        print(f"{row['what']}: {row['first']:.3f}, {row['second']:.3f}, overlap: {row['intervals_overlap']}")
    agree = all(row["intervals_overlap"] for row in rows)
    write_json(RESULT, {"runs": list(map(compact, reports)), "agreement": rows, "runs_agree": agree})


if __name__ == "__main__":
    main()
