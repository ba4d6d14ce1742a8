"""From a graph and a calibration set to the graph that holds the goals."""

import onnx
import pytest

from edgecsi.calib.quantization import quantize_to_goals
from edgecsi.calib.search import MAX_RELATIVE_ERROR_DB
from edgecsi.errors import BuildError
from edgecsi.export.graph import quantized_nodes
from edgecsi.metrics import GoalBounds

LOOSE = GoalBounds(max_nmse_loss_db=1, max_worst_speed_loss_db=1)
IMPOSSIBLE = GoalBounds(max_nmse_loss_db=-1, max_worst_speed_loss_db=-1)


@pytest.fixture(scope="module")
def quantized(graph, calibration_file):
    from edgecsi.calib.calibration_set import CalibrationSet

    with CalibrationSet.open(calibration_file) as calibration:
        return quantize_to_goals(graph, calibration, LOOSE)


def test_the_report_is_about_the_graph(quantized, calibration):
    report = quantized.report
    in_int8 = [operator for operator in report.operators if operator.precision == "int8"]
    assert len(quantized_nodes(quantized.graph)) == len(in_int8) > 0
    assert report.quantize_nodes == len(in_int8)
    assert report.dequantize_nodes == 2 * len(in_int8)
    assert report.calibration_set == calibration.id
    whole = sum(operator.multiplications for operator in report.operators)
    assert report.int8_share == pytest.approx(sum(o.multiplications for o in in_int8) / whole)


def test_it_holds_the_goals_on_the_held_out_users(quantized):
    together = quantized.report.together
    assert together.relative_error_db <= MAX_RELATIVE_ERROR_DB
    assert [level.snr_db for level in together.levels] == [None, 20]
    assert together.nmse_loss_db <= LOOSE.max_nmse_loss_db


def test_every_operator_in_float_has_its_reason(quantized):
    for operator in quantized.report.operators:
        assert operator.precision == "int8" or "too sensitive: alone it has" in operator.reason


def test_the_same_set_gives_the_same_graph(quantized, graph, calibration):
    assert quantize_to_goals(graph, calibration, LOOSE).graph == quantized.graph


def test_goals_that_nothing_meets_say_by_how_much(graph, calibration):
    with pytest.raises(BuildError, match=r"INT8 can't hold the goals: even \S+ alone.*\(goal -1\)"):
        quantize_to_goals(graph, calibration, IMPOSSIBLE)


def test_a_graph_without_constant_weights_is_refused(calibration):
    node = onnx.helper.make_node("Neg", ["csi_history"], ["csi_future"])
    tensors = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["user", 4])
        for name in ("csi_history", "csi_future")
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", tensors[:1], tensors[1:]))
    with pytest.raises(BuildError, match="nothing to quantize"):
        quantize_to_goals(model.SerializeToString(), calibration, LOOSE)
