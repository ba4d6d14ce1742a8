import math

import pytest
import tiny_bundle
from level_task import LEVELS
from pydantic import ValidationError
from tiny_bundle import CSI, RADIO

from edgecsi.bundle import Manifest, TensorSpec
from edgecsi.metrics import Goal
from edgecsi.radio import RadioSetting

OTHER = TensorSpec.of(CSI.input, RadioSetting())


def test_survives_json():
    manifest = tiny_bundle.manifest("openvino", max_users=8, gpu_architecture="8.0+")

    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize(
    ("task", "given", "wanted"),
    [
        (CSI, ("csi_history", (None, 4, 6, 8, 2)), ("csi_future", (None, 4, 2, 8, 2))),
        (LEVELS, ("levels", (None, 6, 8)), ("next_levels", (None, 2, 8))),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_names_the_tasks_tensors_with_a_dynamic_user_axis(task, given, wanted):
    manifest = tiny_bundle.manifest(task=task)

    assert [(end.name, end.dims) for end in (manifest.input, manifest.output)] == [given, wanted]
    assert manifest.signature.input.user_dims == given[1][1:]


def test_refuses_unknown_fields():
    with pytest.raises(ValidationError, match="bogus"):
        tiny_bundle.manifest(bogus=1)


def test_refuses_a_task_that_is_not_known_here():
    with pytest.raises(ValidationError, match="task 'sonar' is not known here; choose from csi"):
        Manifest.model_validate(tiny_bundle.manifest().model_dump() | {"task": "sonar"})


@pytest.mark.parametrize(
    "change",
    [{"input": OTHER}, {"radio": RadioSetting()}, {"radio": RADIO.model_copy(update={"future": 3})}],
    ids=["tensor", "setting", "horizon"],
)
def test_refuses_tensors_of_another_setting(change):
    with pytest.raises(ValidationError, match="not the tensors"):
        Manifest.model_validate(tiny_bundle.manifest().model_dump() | change)


def test_refuses_a_horizon_that_is_not_the_settings():
    with pytest.raises(ValidationError, match=r"horizon_ms is 2, but 2 steps of 0\.5 ms are 1"):
        tiny_bundle.manifest(horizon_ms=2.0)


@pytest.mark.parametrize("history", [0, -4, 10**12])
def test_refuses_an_absurd_setting(history):
    radio = RADIO.model_dump() | {"history": history}
    with pytest.raises(ValidationError):
        Manifest.model_validate(tiny_bundle.manifest().model_dump() | {"radio": radio})


@pytest.mark.parametrize("architecture", ["sm_86", "8", "8.0-", "+"])
def test_refuses_what_is_no_compute_capability(architecture):
    with pytest.raises(ValidationError, match="gpu_architecture"):
        tiny_bundle.manifest("tensorrt", gpu_architecture=architecture)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_refuses_what_is_no_share(share):
    with pytest.raises(ValidationError, match=r"multiplications\.fp32"):
        tiny_bundle.manifest(multiplications={"fp32": share})


@pytest.mark.parametrize("error", [math.nan, math.inf])
def test_refuses_errors_that_are_no_numbers(error):
    with pytest.raises(ValidationError, match="finite"):
        tiny_bundle.proof(relative_error_db=error)


def test_refuses_a_verdict_that_its_own_numbers_contradict():
    goal = tiny_bundle.proof().goals[0].model_dump()
    with pytest.raises(ValidationError, match=r"met is True, but 0\.3 against 0\.1"):
        Goal.model_validate(goal | {"value": 0.3})


def test_finds_goals_by_metric_and_reference():
    proof = tiny_bundle.proof()
    late = proof.goals[0].model_copy(update={"value": 1.0, "met": False, "reference": "teacher"})

    assert proof.goals_met
    assert [goal.scope for goal in proof.find("nmse_loss_db", "student")] == ["overall", "speed_kmh 10"]
    missed = tiny_bundle.proof(goals=(*proof.goals, late))
    assert not missed.goals_met
    assert missed.find("nmse_loss_db", "teacher") == [late]
