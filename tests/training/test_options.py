"""Every option has a default, a description and bounds, and says one line where it is left."""

import math
import subprocess
import sys

import pytest
from command_line import edgecsi
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgecsi.cli.from_model import option_name
from edgecsi.distill.options import DistillOptions
from edgecsi.option_values import plain
from edgecsi.stages import network, relation_targets, student
from edgecsi.training import Augmentation, NetworkChoice, TrainOptions
from edgecsi.training.options import ExampleOptions

STAGE_OPTIONS = {stage.ROW.name: stage.Options for stage in (network, student, relation_targets)}
NUMBERS = [
    name for name, field in TrainOptions.model_fields.items() if plain(field.annotation) in (int, float)
]
FLOATS = [n for n in DistillOptions.model_fields if plain(DistillOptions.model_fields[n].annotation) is float]


@pytest.mark.parametrize("options", [TrainOptions, DistillOptions, NetworkChoice, *STAGE_OPTIONS.values()])
def test_every_field_is_described(options):
    assert all(field.description for field in options.model_fields.values())


@pytest.mark.parametrize("name", STAGE_OPTIONS)
def test_a_stage_has_a_default_for_everything(name):
    assert STAGE_OPTIONS[name]() == STAGE_OPTIONS[name].model_validate({})


def usage_line(*arguments):
    """How a wrong command line ends: exit code 2, and one line that says so."""
    done = edgecsi(*arguments)
    assert done.code == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in done.stderr
    return line


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "nothing"])
@pytest.mark.parametrize("name", FLOATS)
def test_no_number_but_a_finite_one(name, value, tmp_path):
    verb = ("distill", "--teacher", tmp_path, "--data", tmp_path, "-o", tmp_path / "out")
    assert option_name(name) in usage_line(*verb, f"{option_name(name)}={value}")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf:inf", "-4000:-1000", "25-5", "5-25-30", "loud"])
def test_no_noise_but_a_finite_one(value, tmp_path):
    verb = ("train", "gru", "--data", tmp_path, "-o", tmp_path / "out")
    assert "--snr-db" in usage_line(*verb, f"--snr-db={value}")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["-1", "1e30"])
def test_every_number_is_bounded(name, value, tmp_path):
    verb = ("train", "gru", "--data", tmp_path, "-o", tmp_path / "out")
    assert option_name(name) in usage_line(*verb, f"{option_name(name)}={value}")


def test_noise_options_without_noise_are_refused(tmp_path):
    verb = ("train", "gru", "--data", tmp_path, "-o", tmp_path / "out")
    assert "no effect without snr_db" in usage_line(*verb, "--clean-share", "0.5")


@given(st.one_of(st.floats(-100, 100), st.tuples(st.floats(-100, 100), st.floats(-100, 100))))
def test_an_snr_is_one_value_or_an_ordered_range(value):
    ends = value if isinstance(value, tuple) else (value, value)
    if ends[0] > ends[1]:
        with pytest.raises(ValidationError, match="from low to high"):
            TrainOptions(snr_db=value)
    else:
        assert TrainOptions(snr_db=value).augmentation == Augmentation(ends)


def test_what_a_teachers_targets_depend_on_is_part_of_the_students_options():
    options = DistillOptions(snr_db=(5, 25), noise_draws=4, clean_share=0.3, seed=7, max_users=9, epochs=3)
    part = ExampleOptions.part_of(options)
    assert part.augmentation == options.augmentation == Augmentation((5, 25), 4, 7, 0.3)
    assert (part.max_users, part.batch_antennas) == (9, 8)


def test_an_llm_is_trained_more_slowly_unless_a_rate_is_asked_for():
    assert TrainOptions().settled(llm=True).learning_rate == 3e-4
    assert TrainOptions().settled(llm=False).learning_rate == 1e-3
    assert TrainOptions(learning_rate=0.5).settled(llm=True).learning_rate == 0.5
    assert math.isclose(DistillOptions().settled(llm=False).learning_rate, 3e-3)


@pytest.mark.parametrize(
    "value", [{"width": 32, "layers": "1"}, "width=32,layers=1", ("width=32", "layers=1")]
)
def test_ways_to_say_a_networks_own_options(value):
    found = NetworkChoice(network="csi-alm-light", network_options=value).network_options
    assert {name: int(text) for name, text in found.items()} == {"width": 32, "layers": 1}


def test_own_options_that_are_no_pairs_are_told(tmp_path):
    verb = ("train", "gru", "--data", tmp_path, "-o", tmp_path / "out")
    line = usage_line(*verb, "--network-option", "width")
    assert "--network-option" in line
    assert "'width' is not KEY=VALUE" in line


def test_options_and_stages_load_nothing_heavy():
    names = ["training", "distill.options", "cli.train", "cli.distill"]
    names += ["stages.network", "stages.student", "stages.relation_targets"]
    code = "\n".join([*(f"import edgecsi.{name}" for name in names), "import sys"])
    code += "\nprint(*sorted({'torch', 'h5py', 'accelerate'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
