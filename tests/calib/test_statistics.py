"""Statistics of activations over a calibration set."""

import numpy as np
import onnx
import pytest

from edgecsi.calib import calibration_set
from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.candidates import candidates
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.quantization import activation_thresholds
from edgecsi.calib.ranges import RANGE_METHODS
from edgecsi.calib.sampling import sample
from edgecsi.errors import DataError


@pytest.mark.parametrize("method", RANGE_METHODS)
def test_the_same_set_gives_the_same_scales_bit_for_bit(
    graph, calibration_file, tiny_dataset, tmp_path, method
):
    again = tmp_path / "again.h5"
    sample(tiny_dataset, again, CalibrationOptions(users=8, held_out=3))
    found = []
    for path in (calibration_file, again):
        with CalibrationSet.open(path) as opened:
            found.append(activation_thresholds(graph, opened, candidates(graph), method))
    assert found[0] == found[1]
    assert all(value > 0 for value in found[0].values())


def test_larger_batches_give_the_same_ranges(graph, calibration, monkeypatch):
    small = activation_thresholds(graph, calibration, candidates(graph), "mse")
    monkeypatch.setattr(calibration_set, "BATCH_ROWS", 8)
    large = activation_thresholds(graph, calibration, candidates(graph), "mse")
    assert large == pytest.approx(small, rel=1e-5)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (np.s_[:, 5], r"antenna 5 is zero for every user \(1 of 32 are dead\)"),
        (np.s_[..., 40:], r"subcarrier 40 is zero for every user \(8 of 48 are dead\)"),
    ],
)
def test_a_dead_channel_is_named(graph, changed_dataset, tmp_path, where, message):
    def silence(history):
        history[where] = 0
        return history

    path = tmp_path / "cal.h5"
    sample(changed_dataset(silence), path, CalibrationOptions(users=8, held_out=3))
    with CalibrationSet.open(path) as opened, pytest.raises(DataError, match=message):
        activation_thresholds(graph, opened, candidates(graph), "mse")


def test_a_constant_activation_names_its_layer(graph, calibration):
    query = next(operator for operator in candidates(graph) if operator.label == "blocks.1.qkv.query")
    model = onnx.load_model_from_string(graph)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(128, np.float32), "nothing"))
    (norm,) = [node for node in model.graph.node if query.activation in node.output]
    norm.input[1] = norm.input[2] = "nothing"
    dead = model.SerializeToString()
    with pytest.raises(DataError, match=r"the input of blocks\.1\.qkv\.query is 0 for every user"):
        activation_thresholds(dead, calibration, candidates(dead), "mse")
