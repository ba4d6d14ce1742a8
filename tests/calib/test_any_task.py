"""Any task is calibrated and quantized: here real numbers without antennas or noise."""

import numpy as np
import pytest
from loads_task import LOADS, RADIO, register, write_loads
from onnx import TensorProto, helper, numpy_helper

from edgecsi.calib.calibration_set import CalibrationSet
from edgecsi.calib.options import CalibrationOptions
from edgecsi.calib.quantization import quantize_to_goals
from edgecsi.calib.sampling import sample
from edgecsi.export.graph import quantized_nodes
from edgecsi.metrics import GoalBounds
from edgecsi.users import CLEAN


@pytest.fixture
def loads(monkeypatch, tmp_path):
    """A calibration set of the toy task."""
    register(monkeypatch)
    write_loads(tmp_path / "loads.h5", users=24)
    sample(tmp_path / "loads.h5", tmp_path / "cal.h5", CalibrationOptions(users=8, held_out=2))
    with CalibrationSet.open(tmp_path / "cal.h5") as opened:
        yield opened


def mean_over_time():
    """ONNX of what the targets are, about: a product with constant weights."""
    weight = np.tile(np.eye(5, dtype=np.float32) / 6, (6, 1)) + np.float32(0.01)
    shapes = {"loads": ["user", 6, 5], "peak": ["user", 5]}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    nodes = [
        helper.make_node("Reshape", ["loads", "flat"], ["row"], "flatten"),
        helper.make_node("MatMul", ["row", "weight"], ["peak"], "mean"),
    ]
    constants = [
        numpy_helper.from_array(np.array([-1, 30]), "flat"),
        numpy_helper.from_array(weight, "weight"),
    ]
    body = helper.make_graph(nodes, "toy", ends[:1], ends[1:], constants)
    return helper.make_model(
        body, opset_imports=[helper.make_opsetid("", 23)], ir_version=11
    ).SerializeToString()


def test_a_task_without_noise_has_clean_users_only(loads):
    assert (loads.task, loads.radio) == (LOADS, RADIO)
    assert loads.snr_levels_db == [CLEAN]
    assert next(loads.calibrating_users()).inputs.dtype == np.float32
    labels = loads.groups()["speed_kmh"]
    assert sorted(set(labels)) == ["3", "30"]


def test_its_graph_is_quantized(loads):
    found = quantize_to_goals(
        mean_over_time(), loads, GoalBounds(max_nmse_loss_db=None, max_worst_speed_loss_db=None)
    )
    assert quantized_nodes(found.graph) == ["mean"]
    assert [level.snr_db for level in found.report.together.levels] == [None]
    assert found.report.together.levels[0].worst_group in ("3", "30")
