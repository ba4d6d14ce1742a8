"""Two radio settings that differ in one field are refused at every door: none is taken for the other."""

import numpy as np
import pytest
import torch
from command_line import edgecsi
from hypothesis import given, settings
from hypothesis import strategies as st

import edgecsi as package
from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.sampling import sample
from edgecsi.errors import EdgeCsiError
from edgecsi.models.folder import ModelConfig, build_network, save, trained_state
from edgecsi.radio import ArrayGeometry, RadioSetting

BASE = RadioSetting(
    subcarriers=8, history=8, future=2, array=ArrayGeometry(columns=2, rows=1, polarisations=2)
)
# field -> another value; some leave every shape as it is, and those are the dangerous ones.
OTHER = {
    "carrier_hz": 3.5e9,
    "subcarrier_spacing_hz": 30e3,
    "step_s": 10e-3,
    "subcarriers": 12,
    "history": 12,
    "future": 3,
    "duplex": "fdd",
    "array.columns": 4,
    "array.rows": 2,
    "array.polarisations": 1,
    "array.column_spacing": 0.7,
    "array.row_spacing": 0.7,
    "array.element_order": "polarisation-column-row",
}
SAME_SHAPES = sorted(
    set(OTHER) - {"subcarriers", "history", "future", "array.columns", "array.rows", "array.polarisations"}
)
FIELDS = st.sampled_from(sorted(OTHER))


def differing(field):
    values = BASE.model_dump()
    section, _, name = field.rpartition(".")
    (values[section] if section else values)[name] = OTHER[field]
    return RadioSetting(**values)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of datasets and models by the field in which they differ, made when asked for."""
    return tmp_path_factory.mktemp("doors")


def dataset(place, field=None):
    path = place / f"{field}.h5"
    if not path.exists():
        radio = differing(field) if field else BASE
        random = np.random.default_rng(0)
        origin = package.Origin(scenario="test", generator="test", generator_version="1")
        with package.write_dataset(path, radio, origin, 30) as writer:
            history, future = (
                random.standard_normal((30, *dims, 2)).astype(np.float32).view(np.complex64)[..., 0]
                for dims in (radio.history_shape, radio.future_shape)
            )
            writer.write(0, history, future, np.full(30, 30.0), np.arange(30))
    return path


def model(place, name="csi-alm-light", field=None):
    folder = place / f"{name}-{field}"
    if not folder.exists():
        backbone = "random" if name == "csi-alm" else None
        config = ModelConfig(name=name, radio=differing(field) if field else BASE, backbone=backbone)
        torch.manual_seed(0)
        save(folder, config, trained_state(build_network(config)), [])
    return folder


def calibration(place, field=None):
    path = place / f"cal-{field}.h5"
    if not path.exists():
        sample(dataset(place, field), path, CalibrationOptions(users=8, held_out=3))
    return path


@pytest.fixture(scope="module")
def bundle(place):
    arguments = ("--student", model(place), "--data", dataset(place), "--max-baseline-loss-db", "null")
    done = edgecsi("compress", *arguments, "--target", "ort-fp32", "-o", place / "build")
    assert done.code == 0, done.stderr
    return place / "build" / "ort-fp32-csi-alm-light.edgecsi"


def refused(done, field):
    """One line that names the field, and nothing else happened."""
    assert done.code == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("edgecsi: error:")]
    assert len(lines) == 1, done.stderr
    assert f"{field} is " in lines[0], lines


TRAIN = ("--epochs", "1", "--batch-users", "8", "--batch-antennas", "1")


@settings(max_examples=13)
@given(field=FIELDS)
def test_train_from_other_weights(place, field):
    start = ("--start-from", model(place))
    done = edgecsi(
        "train", "csi-alm-light", "--data", dataset(place, field), *TRAIN, *start, "-o", place / "x"
    )
    refused(done, field)
    assert not (place / "x").exists()


@settings(max_examples=13)
@given(field=FIELDS)
def test_distil_from_another_teacher(place, field):
    teacher = model(place, "csi-alm")
    done = edgecsi(
        "distill", "--teacher", teacher, "--data", dataset(place, field), *TRAIN, "-o", place / "x"
    )
    refused(done, field)


@settings(max_examples=13)
@given(field=FIELDS)
def test_compress_with_another_student(place, field):
    arguments = ("--student", model(place), "--data", dataset(place, field), "--target", "ort-fp32")
    refused(edgecsi("compress", *arguments, "-o", place / "y"), field)


@settings(max_examples=13)
@given(field=FIELDS)
def test_compress_with_another_calibration_set(place, field):
    arguments = ("--student", model(place), "--data", dataset(place), "--target", "ort-int8")
    done = edgecsi("compress", *arguments, "--calibration", calibration(place, field), "-o", place / "y")
    refused(done, field)


@settings(max_examples=13)
@given(field=FIELDS)
def test_build_with_another_calibration_set(place, bundle, field):
    given_set = ("--calibration", calibration(place, field))
    done = edgecsi("build", bundle, "--target", "ort-int8", *given_set, "-o", place / "z.edgecsi")
    refused(done, field)
    assert not (place / "z.edgecsi").exists()


@settings(max_examples=13)
@given(field=FIELDS)
def test_load_and_predict_for_another_radio(bundle, field):
    with pytest.raises(EdgeCsiError, match=f"{field} is "):
        package.load(bundle, radio=differing(field))
    predictor = package.load(bundle, radio=BASE)
    inputs = predictor.task.draw_inputs(np.random.default_rng(0), BASE, 1)
    assert predictor.predict(inputs, radio=BASE).shape == (1, *BASE.future_shape)
    with pytest.raises(EdgeCsiError, match=f"{field} is "):
        predictor.predict(inputs, radio=differing(field))


@pytest.mark.parametrize("field", SAME_SHAPES)
def test_what_is_accepted_is_in_the_bundle(place, field, tmp_path):
    arguments = ("--student", model(place), "--data", dataset(place, field), "--target", "ort-fp32")
    out = tmp_path / "out"
    asked = ("--accept-radio-mismatch", "--max-baseline-loss-db", "null", "-o", out)
    done = edgecsi("compress", *arguments, *asked)
    assert done.code == 0, done.stderr
    loaded = package.load(out / "ort-fp32-csi-alm-light.edgecsi")
    assert any(f"{field} is " in line for line in loaded.warnings)
    assert loaded.radio == differing(field)  # what it was proven on


def test_a_calibration_set_knows_its_radio(place):
    with CalibrationSet.open(calibration(place)) as opened:
        assert opened.radio == BASE
