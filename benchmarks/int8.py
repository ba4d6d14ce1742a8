"""INT8 against FP32 and BF16: what each method, target and speed loses, and how fast the engines are.

    python benchmarks/int8.py --data CHANNELS.h5 [--quadriga FILE.npz] [--student FOLDER] [--no-timing]

The student is the shipped one unless another is given; its channels (`--data`) are those that
benchmarks/train_reference.py draws by TR 38.901. They and QuaDRiGa's are calibrated on their training users,
searched on their validation users and measured on their test users, clean and at 20 dB SNR. QuaDRiGa's users
are split by block of equal speed, never within one. Methods: every range method with all operators in INT8
("all"), and mixed precision that holds the goals. Losses are against the FP32 engine.
Timings are ratios to ort-fp32, engines in turns; `as exported` is what ONNX Runtime makes of the graph that
torch.onnx.export writes, without the layout that edgecsi gives its attention.

Writes benchmarks/results/int8.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environment import environment
from int8_engines import (
    BASELINE,
    FLOATS,
    INT8,
    build_engine,
    builds_here,
    export_graph,
    export_plainly,
    load_runner,
    measured_rows,
    new,
    test_users,
)
from int8_report import show, show_timings
from quadriga import write_quadriga
from rich.console import Console

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.candidates import candidates
from edgecsi.calib.options import CalibrationOptions, QuantizationOptions
from edgecsi.calib.qdq import quantize
from edgecsi.calib.quantization import activation_thresholds, quantize_to_goals
from edgecsi.calib.ranges import RANGE_METHODS
from edgecsi.calib.sampling import sample
from edgecsi.export.targets import get_target
from edgecsi.files import write_json
from edgecsi.latency import make_plan, run_session
from edgecsi.metrics import GoalBounds
from edgecsi.models import ModelConfig
from edgecsi.models.shipped import shipped
from edgecsi.stages.graph import GRAPH
from edgecsi.stages.quantized import QUANTIZED
from edgecsi.stages.timing import EngineSubject

RESULT = Path(__file__).parent / "results" / "int8.json"
GOALS = GoalBounds(max_nmse_loss_db=0.05, max_worst_speed_loss_db=0.10)


@dataclass(frozen=True)
class Domain:
    """Channels of one origin, and the calibration set drawn from them."""

    name: str
    data: Path
    calibration: Path


def graphs(
    domain: Domain, graph: bytes, methods: Sequence[str]
) -> Iterator[tuple[str, bytes, dict[str, Any] | None]]:
    """Method, its Q/DQ graph, and for mixed precision its report."""
    operators = candidates(graph)
    with CalibrationSet.open(domain.calibration) as calibration:
        for method in methods:
            thresholds = activation_thresholds(graph, calibration, operators, method)
            yield f"all, {method}", quantize(graph, operators, thresholds), None
            mixed = quantize_to_goals(graph, calibration, GOALS, method)
            yield f"mixed, {method}", mixed.graph, mixed.report.model_dump()


def compare(
    domain: Domain, config: ModelConfig, methods: Sequence[str], limit: int, folder: Path
) -> dict[str, Any]:
    """Build every engine of a domain and measure it. Engines stay in `folder`/<method>/<target>."""
    exported, floats = folder.parent / "graph", folder / "float"
    build_engine(exported, BASELINE, floats / BASELINE)
    tested = test_users(domain.data, load_runner(floats / BASELINE, BASELINE, config), limit)

    def measured(method: str, name: str) -> list[dict[str, Any]]:
        return measured_rows(method, name, load_runner(folder / method / name, name, config), tested)

    rows, reports = [], {}
    for name in filter(builds_here, FLOATS):
        build_engine(exported, name, floats / name)
        rows += measured("float", name)
    for method, quantized, report in graphs(domain, (exported / GRAPH).read_bytes(), methods):
        if report:
            reports[method] = report
        (new(folder / method) / QUANTIZED).write_bytes(quantized)
        for name in filter(builds_here, INT8):
            build_engine(folder / method, name, folder / method / name)
            rows += measured(method, name)
    users = sum(map(len, tested[None]))
    return {"domain": domain.name, "test_users": users, "rows": rows, "quantizations": reports}


def timings(folder: Path, config: ModelConfig) -> dict[str, Any]:
    """Every engine of a domain that runs here, 1 and 2 threads, 1 and 8 users; ratios to ort-fp32."""
    wanted = [f"float/{BASELINE}", f"as exported/{BASELINE}", *(f"float/{name}" for name in FLOATS)]
    method = QuantizationOptions().range_method
    wanted += [f"{kind}, {method}/{name}" for kind in ("all", "mixed") for name in INT8]
    subjects = [
        EngineSubject(path.name, folder / path, config.task.name, config.radio, label=str(path))
        for path in map(Path, wanted)
        if (folder / path).exists() and not get_target(path.name).why_not_run()
    ]
    plan = make_plan("quick", users=(1, 8), threads=(1, 2))
    report = run_session(subjects, plan.model_copy(update={"starts": 3, "calls": 300, "seconds": 2.0}))
    p50 = {
        (subject.name, cell.setting.words): cell.runs[0].timing.observed_us["p50"] / 1e3
        for subject in report.subjects
        for cell in subject.cells
        if cell.runs
    }
    rows = [
        {**entry.model_dump(mode="json"), "p50_ms": p50[entry.subject, entry.setting.words]}
        for entry in report.comparisons
        if entry.percentile == "p50"
    ]
    baseline = {words: value for (name, words), value in p50.items() if name == wanted[0]}
    return {"baseline": wanted[0], "baseline_p50_ms": baseline, "ratios": rows}


def main() -> None:
    """Measure, print and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--student", type=Path, default=shipped("csi-alm-light-delta", "tdd"), help="model folder"
    )
    parser.add_argument("--data", type=Path, required=True, help="the dataset that it was trained on")
    parser.add_argument("--quadriga", type=Path, help="archive of QuaDRiGa channels")
    parser.add_argument("--users", type=int, default=256, help="calibrating users")
    parser.add_argument("--held-out", type=int, default=90, help="users that the search is judged on")
    parser.add_argument("--test-users", type=int, default=400, help="at most this many test users")
    parser.add_argument(
        "--methods", nargs="+", choices=RANGE_METHODS, default=list(RANGE_METHODS), help="of ranges"
    )
    parser.add_argument("--no-timing", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    console = Console(width=160)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = export_graph(arguments.student, folder / "graph")
        sources = {"Sionna": arguments.data}
        if arguments.quadriga:
            sources["QuaDRiGa"] = folder / "quadriga.h5"
            write_quadriga(arguments.quadriga, sources["QuaDRiGa"], config.radio)
        options = CalibrationOptions(users=arguments.users, held_out=arguments.held_out)
        findings = []
        for domain_name, data in sources.items():
            domain = Domain(domain_name, data, folder / f"{domain_name}.cal.h5")
            sample(data, domain.calibration, options)
            place = folder / domain_name
            findings.append(compare(domain, config, arguments.methods, arguments.test_users, place))
            show(findings[-1], console)
        if not arguments.no_timing:
            plain = folder / "Sionna" / "as exported"
            export_plainly(arguments.student, plain)
            build_engine(plain, BASELINE, plain / BASELINE)
        times = None if arguments.no_timing else timings(folder / "Sionna", config)
        if times:
            show_timings(times, console)
    write_json(
        arguments.output,
        {"environment": environment(), "goals": GOALS.model_dump(), "domains": findings, "timings": times},
    )


if __name__ == "__main__":
    main()
