"""The table of `compress`, from a report made of known numbers."""

import io

import numpy as np
import pytest
from rich.console import Console

from edgecsi.bundle import EngineFacts, NetworkFacts, Proof, TestSet
from edgecsi.latency import environment
from edgecsi.metrics import Energies, Goal, Report
from edgecsi.radio import RadioSetting
from edgecsi.report.compress_table import print_compress
from edgecsi.stages.compress_report import CompressReport, TargetResult
from edgecsi.stages.timing import TargetTiming

SPEEDS = np.repeat([str(speed) for speed in range(10, 110, 10)], 5)
USERS = len(SPEEDS)
NETWORK = NetworkFacts(name="toy-net", parameters=27_458)
TEST_SET = TestSet(id="ab", users=USERS)


def nmse(db, step_db=1.0):
    """A report of users who all have that NMSE, rising with the steps ahead."""
    error = 10 ** ((db + step_db * np.arange(-1.5, 2)) / 10) * np.linspace(0.9, 1.1, USERS)[:, None]
    return Report.of(Energies(error, np.ones((USERS, 4))), {"speed_kmh": SPEEDS})


def goal(subject, reference, value, bound=0.1, condition="as given"):
    return Goal.judge(f"nmse_loss_{subject}", subject, reference, "overall", condition, bound, value)


def target(name, db, loss, executed=True, **shares):
    proof = Proof(
        test_set=TEST_SET,
        reference="student",
        metrics={"as given": {"engine": nmse(db)}, "20 dB SNR": {"engine": nmse(db / 2)}},
        goals=(goal("engine", "student", loss), goal("student", "teacher", -0.3)),
        relative_error_db=-81.25,
        golden_student_db=(-120.0,),
        golden_engine_db=(-81.0,),
    )
    engine = EngineFacts(
        name="toy",
        precision="fp16",
        files=("engine.bin",),
        libraries={},
        precision_checked="engine",
        multiplications=shares,
        attention_kernels=2,
        executed=executed,
    )
    return TargetResult(target=name, bundle=f"build/toy-net-{name}.edgecsi", engine=engine, proof=proof)


def report(**changes):
    predictors = {"teacher": -20.0, "student": -35.5, "hold_last": -3.0, "ridge_ar": -51.0}
    noisy = {"teacher": -5.0, "student": -17.0, "hold_last": -3.0, "ridge_ar": -16.0}
    facts = {
        "environment": environment.look(),
        "ran": ["graph"],
        "kept": ["data"],
        "task": "csi",
        "radio": RadioSetting(),
        "network": NETWORK,
        "test_set": TEST_SET,
        "metrics": {
            "as given": {name: nmse(db) for name, db in predictors.items()},
            "20 dB SNR": {name: nmse(db) for name, db in noisy.items()},
        },
        "not_applicable": {"band_ar": "it extrapolates the other band of FDD"},
        "warnings": ["7 users are faster than 100 km/h, which toy-net was made for"],
        "targets": [
            target("ort-fp32", -35.5, 0.0, fp32=1.0),
            target("trt-fp16", -35.4, 0.25, executed=False, fp16=0.75, fp32=0.25),
            TargetResult(target="openvino-fp32", error="the library is [red]not[/red] here"),
        ],
    }
    return CompressReport(**{**facts, **changes}).model_dump(mode="json")


def shown(found, width=80):
    console = Console(file=io.StringIO(), width=width)
    print_compress(found, console)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def text():
    return shown(report())


def table_rows(text):
    """Cells of all rows of tables."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]


def test_a_row_per_predictor_classical_ones_first_then_engines(text):
    names = [row[0] for row in table_rows(text)][:6]
    assert names == ["hold last", "ridge ar", "teacher", "student", "ort-fp32", "trt-fp16*"]
    assert "* can't run here" in text


def test_mean_pooled_three_groups_and_the_noisy_mean(text):
    student, noisy = (found["student"] for found in report()["metrics"].values())
    row = next(row for row in table_rows(text) if row[0] == "student")
    by_speed = [student["groups"]["speed_kmh"][speed] for speed in ("10", "50", "90")]
    values = [student["mean_db"], student["pooled_db"], *by_speed, noisy["mean_db"]]
    assert row[1:] == [f"{value:.2f}" for value in values]


def test_steps_ahead_have_a_table_of_their_own(text):
    rows = [row for row in table_rows(text) if row[0] == "student"]
    assert rows[1][1:] == [f"{db:.2f}" for db in report()["metrics"]["as given"]["student"]["steps_db"]]
    assert "4 ms" not in text
    assert "0.5 ms" in text
    assert "2 ms" in text


def test_the_tables_fit_80_columns_and_are_named_after_the_network(text):
    lines = text.splitlines()
    drawn = [line for line in lines if set(line) & set("│┃━─")]
    assert drawn
    assert max(map(len, drawn)) <= 80
    assert "toy-net, 27,458 parameters" in lines[0]


def test_who_wins_is_said_per_condition(text):
    lines = text.splitlines()
    given = next(line for line in lines if line.startswith("as given: ridge ar wins"))
    assert "15.50 dB ahead of student" in given
    assert any(line.startswith("20 dB SNR: student wins") for line in lines)


def test_goals_of_every_engine_and_once_those_of_the_student(text):
    assert text.count("against the teacher") == 1
    assert "build/toy-net-ort-fp32.edgecsi: all " in text
    assert "build/toy-net-trt-fp16.edgecsi: 1 of " in text
    assert "MISSED: nmse_loss_engine of the engine against the student, overall, as given: +0.250 dB" in text


def test_what_an_engine_computes_in(text):
    line = next(line for line in text.splitlines() if "trt-fp16.edgecsi" in line)
    assert "75 % fp16, 25 % fp32" in line
    assert "fused attention kernels: 2" in line
    assert "-81.2 dB" in line


def test_a_target_that_failed_says_why_and_its_words_stay_text(text):
    assert "openvino-fp32: not built: the library is [red]not[/red] here" in text


def test_a_predictor_that_does_not_apply_and_warnings_are_said(text):
    assert "band ar does not apply: it extrapolates the other band of FDD" in text
    assert "warning: 7 users are faster than 100 km/h" in text


def test_a_task_without_noise_or_steps_has_one_plain_table():
    one_step = Report.of(Energies(np.full((USERS, 1), 0.1), np.ones((USERS, 1))), {"speed_kmh": SPEEDS})
    text = shown(report(metrics={"as given": {"student": one_step}}, targets=[]))
    assert "steps ahead" not in text
    assert [row for row in table_rows(text) if row[0] == "student"] == [["student", *["-10.00"] * 5]]
    assert "as given: student wins\n" in text


def test_timings_and_the_recommended_target():
    timings = [
        TargetTiming(target="ort-fp32", p50_ms=10.0, baseline="ort-fp32", ratio=1.0, low=None, high=None),
        TargetTiming(target="ort-int8", p50_ms=5.0, baseline="ort-fp32", ratio=0.5, low=0.4, high=0.6),
    ]
    targets = [target("ort-int8", -35.0, 0.05, int8=0.9)]
    text = shown(report(timings=timings, recommended="ort-int8", targets=targets))
    assert "ort-int8: 5.00 ms per user, 0.50 (0.40 to 0.60) times ort-fp32's" in text
    assert "recommended: ort-int8, the fastest that holds the goals\n" in text


@pytest.mark.parametrize(
    ("ran", "written", "words"),
    [
        (["graph"], False, "stages run: graph; kept: data"),
        ([], True, "every stage is kept"),
        ([], False, "nothing to do: every stage is kept and every bundle is as it was"),
    ],
)
def test_what_was_done_is_the_last_line(ran, written, words):
    targets = [target("ort-fp32", -35.5, 0.0).model_copy(update={"written": written})]
    assert shown(report(ran=ran, targets=targets)).splitlines()[-1] == words
