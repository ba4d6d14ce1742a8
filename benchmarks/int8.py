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

import numpy as np
import torch
from environment import environment
from numpy.typing import NDArray
from quadriga import write_quadriga
from rich.console import Console
from rich.table import Table

from edgecsi.bundle import Goals
from edgecsi.calib.calibration_set import CLEAN, CalibrationSet
from edgecsi.calib.candidates import candidates
from edgecsi.calib.qdq import quantize
from edgecsi.calib.quantization import activation_thresholds, quantize_to_goals
from edgecsi.calib.ranges import DEFAULT_METHOD, RANGE_METHODS
from edgecsi.calib.sampling import Recipe, sample
from edgecsi.channel import Dataset, add_noise, split
from edgecsi.csi import CsiShape, to_complex, to_interleaved
from edgecsi.export.targets import TARGETS
from edgecsi.files import write_json
from edgecsi.latency.plan import make_plan
from edgecsi.latency.session import run_session
from edgecsi.models import load
from edgecsi.models.shipped import shipped
from edgecsi.pipeline import work
from edgecsi.pipeline.proof import Case, load_runner, measure
from edgecsi.pipeline.timing import EngineSubject

RESULT = Path(__file__).parent / "results" / "int8.json"
GOALS = Goals(max_nmse_loss_db=0.05, max_worst_speed_loss_db=0.10)
SNR_DB = (CLEAN, 20.0)
NOISE_SEED = 7
FLOATS = ("native-fp32", "native-bf16", "openvino-fp32", "openvino-bf16")
INT8 = tuple(name for name, target in TARGETS.items() if target.calibrated)
BATCH_USERS = 8


@dataclass(frozen=True)
class Domain:
    """Channels of one origin, and the calibration set drawn from them."""

    name: str
    data: Path
    calibration: Path


def test_cases(domain: Domain, graph: Path, snr_db: float, limit: int) -> list[Case]:
    """Test users with the FP32 engine's outputs on what the engines will see."""
    reference = load_runner(graph)
    with Dataset.open(domain.data) as dataset:
        users = split(dataset).test
        users = users[np.linspace(0, len(users) - 1, min(limit, len(users))).astype(int)]
        return list(_cases(dataset, users, reference.run, snr_db))


def _cases(dataset: Dataset, users: NDArray[np.int64], run: Any, snr_db: float) -> Iterator[Case]:
    for first in range(0, len(users), BATCH_USERS):
        some = users[first : first + BATCH_USERS]
        history = dataset.history(some)
        if snr_db != CLEAN:
            history = add_noise(history, some, snr_db, NOISE_SEED)
        student = to_complex(run(to_interleaved(history)).copy())
        yield Case(history, student, dataset.future(some), dataset.speed_kmh[some])


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


def compare(domain: Domain, methods: Sequence[str], limit: int, folder: Path) -> dict[str, Any]:
    """Build every engine of a domain and measure it. Engines stay in `folder`/<method>/<target>."""
    graph = folder.parent / "graph"
    float_graph = (graph / work.GRAPH).read_bytes()
    work.build_engine(graph / work.GRAPH, "ort-fp32", _new(folder / "float" / "ort-fp32"))
    cases = {snr: test_cases(domain, folder / "float" / "ort-fp32", snr, limit) for snr in SNR_DB}
    rows, reports = [], {}
    for name in FLOATS:
        if not TARGETS[name].why_not_build():
            work.build_engine(graph / work.GRAPH, name, _new(folder / "float" / name))
            rows += _rows("float", name, folder / "float" / name, cases)
    for method, lowered, report in graphs(domain, float_graph, methods):
        if report:
            reports[method] = report
        source = _new(folder / method) / work.QUANTIZED
        source.write_bytes(lowered)
        for name in INT8:
            work.build_engine(source, name, _new(folder / method / name))
            rows += _rows(method, name, folder / method / name, cases)
    return {"domain": domain.name, "test_users": sum(len(c.truth) for c in cases[CLEAN]), "rows": rows,
            "quantizations": reports}  # fmt: skip


def build_as_exported(student: Path, folder: Path) -> None:
    """ONNX Runtime's engine of torch's own export, which nobody made faster."""
    network = load(student)
    example = torch.randn(2, *network.shape.history_shape, 2)
    names = {"input_names": ["csi_history"], "output_names": ["csi_future"]}
    users = ({0: torch.export.Dim("user", min=1)},)
    _new(folder)
    torch.onnx.export(
        network,
        (example,),
        folder / work.GRAPH,
        dynamo=True,
        dynamic_shapes=users,
        external_data=False,
        **names,
    )
    work.build_engine(folder / work.GRAPH, "ort-fp32", _new(folder / "ort-fp32"))


def _rows(method: str, target: str, engine: Path, cases: dict[float, list[Case]]) -> list[dict[str, Any]]:
    """One engine at every level of SNR."""
    runner, rows = load_runner(engine), []
    for snr, some in cases.items():
        measured = measure(runner, some)
        speed, worst = measured.worst_speed
        rows.append(
            {
                "method": method,
                "target": target,
                "snr_db": None if snr == CLEAN else snr,
                "engine_executed": measured.engine_executed,
                "nmse_db": measured.engine.nmse_mean_db,
                "fp32_nmse_db": measured.reference.nmse_mean_db,
                "nmse_loss_db": measured.loss_db,
                "worst_speed_loss_db": worst,
                "worst_speed_kmh": speed,
                "relative_error_db": measured.relative_error_db,
                "loss_per_speed_db": {
                    row: value - measured.reference.per_speed_db[row]
                    for row, value in measured.engine.per_speed_db.items()
                },
                "fp32_per_speed_db": measured.reference.per_speed_db,
            }
        )
    return rows


def timings(folder: Path, shape: CsiShape) -> dict[str, Any]:
    """Every engine of a domain that runs here, 1 and 2 threads, 1 and 8 users; ratios to ort-fp32."""
    wanted = ["float/ort-fp32", "as exported/ort-fp32", *(f"float/{name}" for name in FLOATS)]
    wanted += [f"{kind}, {DEFAULT_METHOD}/{name}" for kind in ("all", "mixed") for name in INT8]
    subjects = [
        EngineSubject(path.name, folder / path, shape, label=str(path))
        for path in map(Path, wanted)
        if (folder / path).exists() and not TARGETS[path.name].why_not_run()
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


def show(found: dict[str, Any], console: Console) -> None:
    """Method x target x speed, a table for each level of SNR."""
    for snr in SNR_DB:
        level = None if snr == CLEAN else snr
        rows = [row for row in found["rows"] if row["snr_db"] == level]
        speeds = sorted(rows[0]["loss_per_speed_db"], key=int)
        title = f"{found['domain']}, {'clean' if level is None else f'{level:g} dB SNR'}: loss in dB by km/h"
        table = Table("method", "target", "overall", *speeds, "error", title=title)
        fp32 = rows[0]["fp32_per_speed_db"]
        overall = f"{rows[0]['fp32_nmse_db']:.2f}"
        table.add_row("NMSE", "ort-fp32", overall, *(f"{fp32[s]:.1f}" for s in speeds), "")
        for row in rows:
            losses = (f"{row['loss_per_speed_db'][speed]:+.2f}" for speed in speeds)
            error = f"{row['relative_error_db']:.1f}"
            table.add_row(row["method"], row["target"], f"{row['nmse_loss_db']:+.3f}", *losses, error)
        console.print(table)
    for method, report in found["quantizations"].items():
        console.print(f"{method}: {100 * report['int8_share']:.0f} % of the multiplications in INT8")


def show_timings(found: dict[str, Any], console: Console) -> None:
    """Ratios to ort-fp32."""
    table = Table("engine", "setting", "p50 ms", f"ratio to {found['baseline']}", title="Time per call")
    for row in found["ratios"]:
        setting = f"{row['setting']['users']} users, {row['setting']['threads']} threads"
        interval = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        table.add_row(row["subject"], setting, f"{row['p50_ms']:.2f}", interval)
    console.print(table)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


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
        work.export(arguments.student, _new(folder / "graph"))
        shape = CsiShape(**work.read_json(folder / "graph" / "student.json")["shape"])
        sources = {"Sionna": arguments.data}
        if arguments.quadriga:
            sources["QuaDRiGa"] = folder / "quadriga.h5"
            write_quadriga(arguments.quadriga, sources["QuaDRiGa"], shape)
        findings = []
        for domain_name, data in sources.items():
            domain = Domain(domain_name, data, folder / f"{domain_name}.cal.h5")
            sample(data, domain.calibration, Recipe(arguments.users, arguments.held_out))
            findings.append(compare(domain, arguments.methods, arguments.test_users, folder / domain_name))
            show(findings[-1], console)
        if not arguments.no_timing:
            build_as_exported(arguments.student, folder / "Sionna" / "as exported")
        times = None if arguments.no_timing else timings(folder / "Sionna", shape)
        if times:
            show_timings(times, console)
    write_json(
        arguments.output,
        {"environment": environment(), "goals": GOALS.model_dump(), "domains": findings, "timings": times},
    )


if __name__ == "__main__":
    main()
