import json
import os
import signal
import subprocess
import sys
import time

import h5py
import pytest
import torch
from command_line import edgecsi, refuse

from edgecsi.channel import Dataset, write_dataset
from edgecsi.distill.distill import distill
from edgecsi.distill.loss import DistillLoss
from edgecsi.distill.targets import make_targets
from edgecsi.errors import ModelError, RadioMismatch
from edgecsi.models import build_network, load, load_config
from edgecsi.models.network import NETWORKS
from edgecsi.radio import ArrayGeometry
from edgecsi.training import NetworkChoice
from edgecsi.training.options import ExampleOptions
from edgecsi.training.train import new_config, work_folder

STUDENT = NetworkChoice(network="csi-alm-light")
STUDENTS = [row.name for row in NETWORKS if row.relations and not row.backbone]


@pytest.mark.parametrize("name", STUDENTS)
def test_teacher_to_student(teacher_folder, tiny_dataset, options, tmp_path, name):
    longer = options.model_copy(update={"epochs": 4})
    distill(teacher_folder, NetworkChoice(network=name), tiny_dataset, longer, tmp_path / "student")
    config = load_config(tmp_path / "student")
    assert (config.name, config.backbone) == (name, None)
    student = load(tmp_path / "student")
    assert sum(parameter.numel() for parameter in student.parameters()) == 348_596
    log = json.loads((tmp_path / "student" / "log.json").read_text())
    assert [row["epoch"] for row in log] == [1, 2, 3, 4]
    assert log[-1]["nmse"] < log[0]["nmse"]
    assert log[-1]["attention"] < log[0]["attention"]
    assert [path.name for path in tmp_path.iterdir()] == ["student"]


def test_a_student_of_another_size(teacher_folder, tiny_dataset, options, tmp_path):
    narrow = NetworkChoice(network="csi-alm-light", network_options={"width": 32, "layers": 1})
    distill(teacher_folder, narrow, tiny_dataset, options, tmp_path / "student")
    assert load(tmp_path / "student").relation_widths == {"query": 32, "key": 32, "value": 32}


def test_joint_loss_is_the_weighted_sum(teacher, open_noisy, options):
    torch.manual_seed(0)
    with open_noisy() as source:
        student = build_network(new_config(STUDENT, source.dataset.radio))
        batch = next(source.training_batches(0, 0, 1))
        with torch.no_grad():
            loss = DistillLoss(
                student,
                lambda batch: teacher.predict(batch.inputs, relations=True).relations,
                options.model_copy(update={"weight": 0.3, "relation_scope": "all"}),
            )
            parts = loss(batch)
    assert parts["loss"].item() == pytest.approx(parts["nmse"].item() + 0.3 * parts["attention"].item())
    assert parts["attention"] > 0


def test_relation_heads_that_do_not_divide_end_before_the_training(
    teacher_folder, tiny_dataset, options, tmp_path
):
    twelve = options.model_copy(update={"relation_heads": 12})
    with pytest.raises(ModelError, match=r"12 relation heads don't divide .* choose a divisor of 32"):
        distill(teacher_folder, STUDENT, tiny_dataset, twelve, tmp_path / "student")
    assert not (tmp_path / "student").exists()


@pytest.mark.parametrize("name", [row.name for row in NETWORKS if not row.relations])
def test_a_student_without_relations_is_refused_at_once(teacher_folder, tiny_dataset, tmp_path, name):
    arguments = ("--data", tiny_dataset, "--student", name, "-o", tmp_path / "student")
    refuse(("distill", "--teacher", teacher_folder, *arguments), f"{name} has no relations to distil")
    assert not list(tmp_path.iterdir())


def test_a_teacher_without_relations_is_refused(tiny_dataset, options, tmp_path):
    tiny = ("--epochs", "1", "--max-users", "4", "--batch-users", "8")
    assert edgecsi("train", "gru", "--data", tiny_dataset, *tiny, "-o", tmp_path / "gru").code == 0
    with pytest.raises(ModelError, match=r"the teacher .*gru \(gru\) has no relations to distil"):
        distill(tmp_path / "gru", STUDENT, tiny_dataset, options, tmp_path / "student")


def test_targets_are_made_once_and_again_for_other_data(teacher_folder, tiny_dataset, options, tmp_path):
    path, examples = tmp_path / "targets.h5", ExampleOptions.part_of(options)

    def made(examples):
        make_targets(teacher_folder, tiny_dataset, examples, path)
        return path.stat().st_ino

    first = made(examples)
    assert made(examples) == first
    assert made(examples.model_copy(update={"seed": 4})) != first


def test_damaged_targets_are_made_again(teacher_folder, tiny_dataset, options, tmp_path):
    path = tmp_path / "targets.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n and nothing more")
    make_targets(teacher_folder, tiny_dataset, ExampleOptions.part_of(options), path)
    with h5py.File(path) as file:
        assert set(file) == {"users", "query", "key", "value"}


def other_dataset(source, path, **changes):
    """The first antennas of a dataset, said to be of another radio setting."""
    with Dataset.open(source) as ds:
        radio = ds.radio.model_copy(update=changes)
        with write_dataset(path, radio, ds.origin, len(ds)) as writer:
            history, future = (read(slice(None))[:, : radio.antennas] for read in (ds.history, ds.future))
            writer.write(0, history, future, ds.speed_kmh, ds.drop)
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"array": ArrayGeometry(columns=2, rows=2)}, "array.columns is 4 for the teacher .*, 2 for .*.h5"),
        ({"duplex": "fdd"}, "duplex is tdd for the teacher .*, fdd for .*.h5"),
        ({"step_s": 1e-3}, "step_s is 0.0005 for the teacher .*, 0.001 for .*.h5: .*--accept-radio-mismatch"),
        ({"carrier_hz": 3.5e9}, r"carrier_hz is 2.4e\+09 for the teacher .*, 3.5e\+09 for .*.h5"),
    ],
)
def test_a_teacher_of_another_radio_setting_is_told(
    teacher_folder, tiny_dataset, options, tmp_path, changes, said
):
    data = other_dataset(tiny_dataset, tmp_path / "other.h5", **changes)
    with pytest.raises(RadioMismatch, match=said):
        distill(teacher_folder, STUDENT, data, options, tmp_path / "student")
    assert [path.name for path in tmp_path.iterdir()] == ["other.h5"]


def test_a_teacher_of_another_radio_setting_may_be_accepted(
    teacher_folder, tiny_dataset, options, tmp_path, caplog
):
    data = other_dataset(tiny_dataset, tmp_path / "other.h5", carrier_hz=3.5e9)
    accepting = options.model_copy(update={"accept_radio_mismatch": True, "epochs": 1})
    distill(teacher_folder, STUDENT, data, accepting, tmp_path / "student")
    assert load_config(tmp_path / "student").radio.carrier_hz == 3.5e9
    assert "accepted: carrier_hz is 2.4e+09 for the teacher" in caplog.text


def test_killed_while_the_targets_are_written(teacher_folder, tiny_dataset, options, tmp_path):
    student = tmp_path / "student"
    work = work_folder(student)
    command = [
        sys.executable,
        "-m",
        "edgecsi",
        "distill",
        "--teacher",
        teacher_folder,
        "--data",
        tiny_dataset,
    ]
    running = subprocess.Popen([*map(str, command), "-o", str(student)], stderr=subprocess.DEVNULL)
    wait_for(lambda: any(file.stat().st_size for file in work.glob(".targets.h5.*.tmp")), running)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not (work / "targets.h5").exists()
    distill(teacher_folder, STUDENT, tiny_dataset, options, student)
    assert load(student).radio == load(teacher_folder).radio
    assert not work.exists()


def wait_for(happened, process):
    while not happened():
        assert process.poll() is None, "it ended before what was waited for"
        time.sleep(0.01)
