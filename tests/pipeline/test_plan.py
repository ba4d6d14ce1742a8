"""What a changed option redoes, judged by the keys alone."""

import shutil
from pathlib import Path

import pytest

from edgecsi.bundle import Goals
from edgecsi.errors import DataError, EdgeCsiError, ModelError, UnavailableError
from edgecsi.pipeline.given import check, resolve, usual_student
from edgecsi.pipeline.plan import make_plan
from edgecsi.pipeline.profiles import PROFILES
from edgecsi.pipeline.request import CompressRequest

GOALS = Goals(max_nmse_loss_db=0.1, max_worst_speed_loss_db=0.2)
ALL = ["data", "teacher", "targets", "student", "scores", "graph", "engine-ort-fp32", "proof-ort-fp32"]


def request(changes=None, targets=("ort-fp32",), goals=GOALS, **facts):
    profile = PROFILES["quick"].changed({"teacher.backbone": "random", **(changes or {})})
    return CompressRequest(targets, profile, facts.pop("out", Path("build")), goals, **facts)


@pytest.mark.parametrize(("changed", "share"), [((), None), (("data.test_share",), 0.5)])
def test_a_given_teacher_gets_the_usual_split_unless_the_user_says_otherwise(compressed, changed, share):
    profile = PROFILES["reference"].changed(dict.fromkeys(changed, "0.5"))
    wanted = CompressRequest(
        ("ort-fp32",), profile, Path("build"), GOALS, teacher=compressed / "teacher", changed=changed
    )
    assert resolve(wanted).profile.data.test_share == share


@pytest.mark.parametrize("duplex", ["tdd", "fdd"])
@pytest.mark.parametrize("rounding", ["ort-int8", "openvino-bf16", "native-fp32"])
def test_engines_that_round_get_a_student_without_equations(duplex, rounding):
    profile = PROFILES["reference"].changed({"data.duplex": duplex})
    for targets, name in (
        (("ort-fp32", "trt-fp16"), "csi-alm-light-ad"),
        (("ort-fp32", rounding), {"tdd": "csi-alm-light-delta", "fdd": "csi-alm-light"}[duplex]),
    ):
        wanted = CompressRequest(targets, profile, Path("build"), GOALS)
        assert resolve(wanted).student.name == f"{name}-{duplex}"
        assert usual_student(wanted) == name


def keys(wanted):
    return {stage.name: stage.key for stage in make_plan(wanted).stages}


def redone(changed):
    """Stages whose key is another than in the plain request."""
    before, after = keys(request()), keys(changed)
    return [name for name, key in after.items() if before.get(name) != key]


def test_the_stages_are_in_the_order_of_the_flow():
    assert list(keys(request())) == ALL


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"data.users": "51"}, "data"),
        ({"data.duplex": "fdd"}, "data"),
        ({"teacher.epochs": "99"}, "teacher"),
        ({"teacher.snr_db": "5,25"}, "teacher"),
        ({"student.max_users": "51"}, "targets"),
        ({"student.snr_db": "5,25"}, "targets"),
        ({"student.epochs": "99"}, "student"),
        ({"student.relation_scope": "all"}, "student"),
        ({"student.weight": "0.7"}, "student"),
    ],
)
def test_a_changed_setting_redoes_only_what_depends_on_it(change, first):
    assert redone(request(change)) == ALL[ALL.index(first) :]


def test_another_seed_redoes_everything():
    assert redone(request(seed=1)) == ALL


def test_goals_and_the_output_folder_redo_nothing():
    other = Goals(max_nmse_loss_db=0, max_worst_speed_loss_db=0)
    assert redone(request(goals=other, out=Path("elsewhere"))) == []


def test_another_target_redoes_nothing_of_the_first():
    assert redone(request(targets=("openvino-fp32", "ort-fp32"))) == [
        "engine-openvino-fp32",
        "proof-openvino-fp32",
    ]


def test_given_data_are_known_by_their_content(tiny_dataset, tmp_path):
    copy = shutil.copy(tiny_dataset, tmp_path / "copy.h5")
    first, second = (keys(request(data=path)) for path in (tiny_dataset, copy))
    assert first == second
    assert list(first) == ALL[1:]


def test_a_given_student_leaves_nothing_to_train(compressed, tiny_dataset):
    assert list(keys(request(data=tiny_dataset, student=compressed / "student"))) == ALL[4:]


def test_a_given_teacher_is_scored_beside_a_given_student(compressed, tiny_dataset):
    teacher, student = compressed / "teacher", compressed / "student"
    alone = keys(request(data=tiny_dataset, student=student))
    beside = keys(request(data=tiny_dataset, student=student, teacher=teacher))
    assert list(beside) == list(alone)
    assert [name for name in alone if alone[name] != beside[name]] == ["scores", "proof-ort-fp32"]


def test_given_weights_are_known_by_their_content(compressed, tiny_dataset, tmp_path):
    teacher = shutil.copytree(compressed / "teacher", tmp_path / "teacher")
    before = keys(request(data=tiny_dataset, teacher=teacher))
    with (teacher / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    after = keys(request(data=tiny_dataset, teacher=teacher))
    assert list(before) == ALL[2:]
    assert all(before[name] != after[name] for name in before)


def test_planning_writes_nothing(tmp_path):
    make_plan(request(out=tmp_path / "build"))
    assert list(tmp_path.iterdir()) == []


def refused(kind, *words, **facts):
    with pytest.raises(kind) as caught:
        make_plan(request(**facts))
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_target_is_refused():
    refused(UnavailableError, "trt-fp17", "trt-fp16, ort-fp32", targets=("ort-fp32", "trt-fp17"))


def test_an_unknown_backbone_is_refused():
    refused(ModelError, "'bert'", "smollm2, gpt2", changes={"teacher.backbone": "bert"})


def test_a_backbone_folder_without_a_model_is_refused(tmp_path):
    refused(ModelError, str(tmp_path), "--backbone smollm2", changes={"teacher.backbone": "gpt2"},
            backbone_folder=tmp_path)  # fmt: skip


def test_another_content_of_the_backbone_folder_is_another_teacher(tmp_path):
    changed = {"changes": {"teacher.backbone": "gpt2"}, "backbone_folder": tmp_path}
    (tmp_path / "config.json").write_text("{}")
    first = keys(request(**changed))
    (tmp_path / "model.safetensors").write_text("weights")
    assert first["teacher"] != keys(request(**changed))["teacher"]
    assert first["data"] == keys(request(**changed))["data"]


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_network_for_other_channels_is_refused(compressed, small_dataset, role):
    refused(ModelError, role, "subcarriers=48", "subcarriers=4)", data=small_dataset(users=30),
            **{role: compressed / role})  # fmt: skip


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_network_for_another_duplex_mode_is_refused(compressed, role):
    refused(ModelError, role, "tdd", "fdd", changes={"data.duplex": "fdd"}, **{role: compressed / role})


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors"])
def test_a_folder_without_a_network_is_refused(compressed, tiny_dataset, tmp_path, lost):
    student = shutil.copytree(compressed / "student", tmp_path / "student")
    (student / lost).unlink()
    refused(ModelError, str(student), lost, data=tiny_dataset, student=student)


def test_too_few_drops_are_told_before_anything_runs(small_dataset):
    refused(DataError, "2 drops", data=small_dataset(users=2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"student.lr": "1"}, "there is no such setting; choose from data.scenario"),
        ({"epochs": "1"}, "there is no such setting"),
        ({"student.epochs": "none"}, "student.epochs: Input should be a valid integer"),
        ({"student.epochs": "0"}, "greater than 0"),
        ({"student.learning_rate": "nan"}, "finite"),
        ({"student.snr_db": "25,5"}, "from low to high"),
        ({"data.speed_kmh": "-3,5"}, "greater than or equal to 0"),
        ({"data.scenario": "rma"}, "'uma' or 'umi'"),
    ],
)
def test_a_setting_that_can_not_be_is_refused(change, words):
    with pytest.raises(EdgeCsiError) as caught:
        request(change)
    assert words in str(caught.value)


def test_null_and_ranges_are_understood():
    profile = request({"teacher.max_users": "null", "student.snr_db": "5,25"}).profile
    assert profile.teacher.max_users is None
    assert profile.student.snr_db == (5, 25)


@pytest.mark.parametrize(
    ("changed", "given", "taken"),
    [
        ("data.users", {"data": Path("site.h5")}, "site.h5"),
        ("teacher.backbone", {"teacher": Path("mine")}, "mine"),
        ("teacher.epochs", {"student": Path("mine")}, "mine"),
        ("student.epochs", {"student": Path("mine")}, "mine"),
    ],
)
def test_a_setting_of_what_is_given_is_refused(changed, given, taken):
    with pytest.raises(EdgeCsiError, match=f"{changed} has no effect: {taken} is taken instead"):
        check(request(changed=(changed,), **given))
