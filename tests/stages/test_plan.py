"""What a changed option redoes, judged by the keys alone."""

import shutil
from pathlib import Path

import pytest

from edgecsi.errors import DataError, EdgeCsiError, ModelError, RadioMismatch
from edgecsi.stages.compress import make_recipe
from edgecsi.stages.given import check, resolve
from edgecsi.stages.plan import make_plan
from edgecsi.stages.recipe import PROFILES

ALL = [
    "data", "teacher", "relation-targets", "student", "scores", "graph", "engine-ort-fp32", "proof-ort-fp32",
]  # fmt: skip
BUILD = Path("build")


def wanted(changes=None, profile="quick", targets=("ort-fp32",), **given):
    """A recipe; given: data, teacher, student, calibration."""
    given = {f"given.{name}": str(path) for name, path in given.items()}
    quick = {"teacher.backbone": "random"} if profile == "quick" else {}
    return PROFILES[profile].changed({"targets": targets, **quick, **given, **(changes or {})})


@pytest.mark.parametrize(("changed", "share"), [((), None), (("data.test_share",), 0.5)])
def test_a_given_teacher_gets_the_usual_split_unless_the_user_says_otherwise(compressed, changed, share):
    changes = {"given.teacher": str(compressed / "teacher"), **dict.fromkeys(changed, "0.5")}
    recipe, _ = make_recipe("reference", None, changes)
    assert recipe.data.test_share == share
    assert recipe.given.student is None


@pytest.mark.parametrize("duplex", ["tdd", "fdd"])
@pytest.mark.parametrize("rounding", ["ort-int8", "openvino-bf16", "native-fp32"])
def test_engines_that_round_get_a_student_without_equations(duplex, rounding):
    for targets, name in (
        (("ort-fp32", "trt-fp16"), "csi-alm-light-ad"),
        (("ort-fp32", rounding), {"tdd": "csi-alm-light-delta", "fdd": "csi-alm-light"}[duplex]),
    ):
        recipe = wanted({"data.duplex": duplex}, "reference", targets)
        assert Path(resolve(recipe).given.student).name == f"{name}-{duplex}"


def keys(recipe, out=BUILD):
    return {stage.name: stage.key for stage in make_plan(recipe, out).stages}


def redone(changed):
    """Stages whose key is another than in the plain recipe."""
    before, after = keys(wanted()), keys(changed)
    return [name for name, key in after.items() if before.get(name) != key]


def test_the_stages_are_in_the_order_of_the_flow():
    assert list(keys(wanted())) == ALL


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"data.users": "51"}, "data"),
        ({"data.duplex": "fdd"}, "data"),
        ({"teacher.epochs": "99"}, "teacher"),
        ({"teacher.snr_db": "5,25"}, "teacher"),
        ({"student.max_users": "51"}, "relation-targets"),
        ({"student.snr_db": "5,25"}, "relation-targets"),
        ({"student.epochs": "99"}, "student"),
        ({"student.relation_scope": "all"}, "student"),
        ({"student.weight": "0.7"}, "student"),
    ],
)
def test_a_changed_setting_redoes_only_what_depends_on_it(change, first):
    assert redone(wanted(change)) == ALL[ALL.index(first) :]


def test_another_seed_redoes_everything():
    assert redone(wanted().seeded(1)) == ALL


def test_goals_and_the_output_folder_redo_nothing():
    other = wanted({"goals.max_nmse_loss_db": 0.0, "goals.max_worst_speed_loss_db": 0.0})
    assert redone(other) == []
    assert keys(wanted(), Path("elsewhere")) == keys(wanted())


def test_another_target_redoes_nothing_of_the_first():
    assert redone(wanted(targets=("openvino-fp32", "ort-fp32"))) == [
        "engine-openvino-fp32",
        "proof-openvino-fp32",
    ]


def test_given_data_are_known_by_their_content(tiny_dataset, tmp_path):
    copy = shutil.copy(tiny_dataset, tmp_path / "copy.h5")
    first, second = (keys(wanted(data=path)) for path in (tiny_dataset, copy))
    assert first == second
    assert list(first) == ALL[1:]


def test_a_given_student_leaves_nothing_to_train(compressed, tiny_dataset):
    assert list(keys(wanted(data=tiny_dataset, student=compressed / "student"))) == ALL[4:]


def test_a_given_teacher_is_scored_beside_a_given_student(compressed, tiny_dataset):
    teacher, student = compressed / "teacher", compressed / "student"
    alone = keys(wanted(data=tiny_dataset, student=student))
    beside = keys(wanted(data=tiny_dataset, student=student, teacher=teacher))
    assert list(beside) == list(alone)
    assert [name for name in alone if alone[name] != beside[name]] == ["scores", "proof-ort-fp32"]


def test_given_weights_are_known_by_their_content(compressed, tiny_dataset, tmp_path):
    teacher = shutil.copytree(compressed / "teacher", tmp_path / "teacher")
    before = keys(wanted(data=tiny_dataset, teacher=teacher))
    with (teacher / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    after = keys(wanted(data=tiny_dataset, teacher=teacher))
    assert list(before) == ALL[2:]
    assert all(before[name] != after[name] for name in before)


def test_planning_writes_nothing(tmp_path):
    make_plan(wanted(), tmp_path / "build")
    assert list(tmp_path.iterdir()) == []


def refused(kind, *words, **facts):
    with pytest.raises(kind) as caught:
        make_plan(wanted(**facts), BUILD)
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_target_is_refused():
    refused(EdgeCsiError, "trt-fp17", "did you mean 'trt-fp16'?", targets=("ort-fp32", "trt-fp17"))


def test_an_unknown_backbone_is_refused():
    refused(ModelError, "'bert'", "smollm2, gpt2", changes={"teacher.backbone": "bert"})


def test_a_backbone_folder_without_a_model_is_refused(tmp_path):
    changes = {"teacher.backbone": "gpt2", "teacher.backbone_folder": tmp_path}
    refused(ModelError, str(tmp_path), "--backbone smollm2", changes=changes)


def test_another_content_of_the_backbone_folder_is_another_teacher(tmp_path):
    changed = {"changes": {"teacher.backbone": "gpt2", "teacher.backbone_folder": tmp_path}}
    (tmp_path / "config.json").write_text("{}")
    first = keys(wanted(**changed))
    (tmp_path / "model.safetensors").write_text("weights")
    assert first["teacher"] != keys(wanted(**changed))["teacher"]
    assert first["data"] == keys(wanted(**changed))["data"]


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_network_for_other_channels_is_refused(compressed, small_dataset, role):
    words = (role, "subcarriers is 48 for", "4 for", "array.columns is 4")
    refused(RadioMismatch, *words, data=small_dataset(users=30), **{role: compressed / role})


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_network_for_another_duplex_mode_is_refused(compressed, role):
    words = (role, "duplex is tdd for", "fdd for")
    refused(RadioMismatch, *words, changes={"data.duplex": "fdd"}, **{role: compressed / role})


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
        ({"student.lr": "1"}, "there is no setting 'student.lr'"),
        ({"student.epoch": "1"}, "did you mean 'student.epochs'?"),
        ({"epochs": "1"}, "there is no setting 'epochs'"),
        ({"student.epochs": "none"}, "student.epochs: Input should be a valid integer"),
        ({"student.epochs": "0"}, "greater than or equal to 1"),
        ({"student.learning_rate": "nan"}, "finite"),
        ({"student.snr_db": "25,5"}, "from low to high"),
        ({"data.speed_kmh": "-3,5"}, "greater than or equal to 0"),
        ({"data.scenario": "rma"}, "'uma' or 'umi'"),
    ],
)
def test_a_setting_that_can_not_be_is_refused(change, words):
    with pytest.raises(EdgeCsiError) as caught:
        wanted(change)
    assert words in str(caught.value)


def test_null_and_ranges_are_understood():
    recipe = wanted({"teacher.max_users": "null", "student.snr_db": "5,25"})
    assert recipe.teacher.max_users is None
    assert recipe.student.snr_db == (5, 25)


@pytest.mark.parametrize(
    ("changed", "given", "taken"),
    [
        ("data.users", {"data": "site.h5"}, "site.h5"),
        ("teacher.backbone", {"teacher": "mine"}, "mine"),
        ("teacher.epochs", {"student": "mine"}, "mine"),
        ("student.epochs", {"student": "mine"}, "mine"),
    ],
)
def test_a_setting_of_what_is_given_is_refused(changed, given, taken):
    with pytest.raises(EdgeCsiError, match=f"{changed} has no effect: {taken} is taken instead"):
        check(wanted(**given), (changed,))


def test_a_student_without_relations_is_trained_without_a_teacher():
    assert list(keys(wanted({"student.network": "csi-alm-light-ad"}))) == [
        "data", "student", *ALL[4:],
    ]  # fmt: skip
