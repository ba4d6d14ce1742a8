import math

import pytest
import tiny_bundle
from pydantic import ValidationError

from edgecsi.bundle import Goals, Manifest, TensorSpec
from edgecsi.csi import CsiShape


def test_survives_json():
    manifest = tiny_bundle.manifest("openvino", max_users=8, gpu_architecture="8.0+")

    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_names_the_contract_tensors_with_a_dynamic_user_axis():
    manifest = tiny_bundle.manifest()

    assert (manifest.input.name, manifest.input.dims) == ("csi_history", (None, 4, 6, 8, 2))
    assert (manifest.output.name, manifest.output.dims) == ("csi_future", (None, 4, 2, 8, 2))


def test_refuses_unknown_fields():
    with pytest.raises(ValidationError, match="bogus"):
        tiny_bundle.manifest(bogus=1)


def test_refuses_tensors_of_another_shape():
    with pytest.raises(ValidationError, match="not the tensors"):
        tiny_bundle.manifest(input=TensorSpec.history(CsiShape()))


@pytest.mark.parametrize("antennas", [0, -4, 10**12])
def test_refuses_an_absurd_shape(antennas):
    with pytest.raises(ValidationError):
        tiny_bundle.manifest(shape=CsiShape(antennas, 6, 2, 8))


@pytest.mark.parametrize("architecture", ["sm_86", "8", "8.0-", "+"])
def test_refuses_what_is_no_compute_capability(architecture):
    with pytest.raises(ValidationError, match="gpu_architecture"):
        tiny_bundle.manifest("tensorrt", gpu_architecture=architecture)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_refuses_losses_that_are_no_numbers(loss):
    with pytest.raises(ValidationError, match="finite"):
        tiny_bundle.proof(nmse_loss_db=loss)


def test_refuses_goals_met_that_the_losses_contradict():
    with pytest.raises(ValidationError, match=r"0\.3 dB"):
        tiny_bundle.proof(worst_speed_loss_db=0.3)


@pytest.mark.parametrize(
    ("overall", "worst", "met"),
    [
        (0.1, 0.2, True),
        (-1.0, -1.0, True),
        (0.11, 0.0, False),
        (0.0, 0.21, False),
        (None, 0.0, False),
        (0.0, math.nan, False),
        (-math.inf, 0.0, False),
    ],
)
def test_a_goal_is_met_only_by_a_finite_loss_within_it(overall, worst, met):
    assert Goals(max_nmse_loss_db=0.1, max_worst_speed_loss_db=0.2).met(overall, worst) is met
