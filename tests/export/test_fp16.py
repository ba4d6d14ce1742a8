import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from edgecsi.channel import Dataset
from edgecsi.errors import BuildError
from edgecsi.export.emulation import EmulatedEngine
from edgecsi.export.graph import count_weighted, read_graph, value_types
from edgecsi.export.lowering import fp16
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.models import load
from edgecsi.models.shipped import shipped
from edgecsi.tasks import TASKS

CSI = TASKS.get("csi")
EYE = np.eye(4, dtype=np.float32)


@pytest.fixture(scope="module")
def lowered(student_onnx):
    return fp16.lower(student_onnx)


def test_every_weighted_operator_becomes_fp16(student_onnx, lowered):
    assert count_weighted(student_onnx) == {"fp32": 24, "fp16": 0}
    assert count_weighted(lowered) == {"fp32": 0, "fp16": 24}


def test_weights_are_stored_in_fp16(lowered):
    weights = onnx.load_from_string(lowered).graph.initializer
    matrices = [
        weight for weight in weights if len(weight.dims) > 1 and weight.data_type != TensorProto.INT64
    ]
    assert {weight.data_type for weight in matrices if np.prod(weight.dims) >= 96 * 128} == {
        TensorProto.FLOAT16
    }


def test_input_and_output_stay_fp32(lowered):
    graph = onnx.load_from_string(lowered).graph
    for tensor in (*graph.input, *graph.output):
        assert tensor.type.tensor_type.elem_type == TensorProto.FLOAT


@pytest.mark.parametrize("operator", ["Abs", "Div", "ReduceMax", "ReduceMean", "Sqrt", "LayerNormalization"])
def test_normalisation_and_reductions_stay_fp32(lowered, operator):
    graph = read_graph(lowered).graph
    types = value_types(graph)
    found = [types[node.output[0]] for node in graph.node if node.op_type == operator]
    assert set(found) == {TensorProto.FLOAT}


def test_a_graph_without_weights_is_refused(small_graph):
    with pytest.raises(BuildError, match="nothing to lower to FP16"):
        fp16.lower(small_graph([helper.make_node("Neg", ["csi_history"], ["csi_future"])]))


def test_a_weight_beyond_fp16_is_refused(small_graph):
    nodes = [
        helper.make_node("MatMul", ["csi_history", "big"], ["product"]),
        helper.make_node("Neg", ["product"], ["csi_future"]),
    ]
    with pytest.raises(BuildError, match="weight big reaches 7e"):
        fp16.lower(small_graph(nodes, big=70000 * EYE))


def test_an_output_without_denormalisation_is_refused(small_graph):
    with pytest.raises(BuildError, match="csi_future has no de-normalisation"):
        fp16.lower(small_graph([helper.make_node("MatMul", ["csi_history", "eye"], ["csi_future"])], eye=EYE))


def test_bytes_that_are_no_graph_are_refused():
    with pytest.raises(BuildError, match="not a valid ONNX graph"):
        fp16.lower(b"not a graph")


@pytest.fixture(scope="module")
def solving_onnx():
    """The student that solves normal equations."""
    network = load(shipped("csi-alm-light-ad", "tdd"))
    return export_onnx(network, CSI, network.radio)


def test_equations_that_a_network_solves_stay_fp32(solving_onnx):
    lowered = fp16.lower(solving_onnx)
    graph = read_graph(lowered).graph
    types = value_types(graph)
    for operator in ("Log", "Reciprocal"):
        found = [types[node.output[0]] for node in graph.node if node.op_type == operator]
        assert found
        assert set(found) == {TensorProto.FLOAT}
    assert count_weighted(lowered)["fp16"] > 0


@pytest.mark.parametrize("snr_db", [20.0, None])
def test_a_student_that_solves_equations_keeps_its_nmse_in_fp16(solving_onnx, tiny_dataset, snr_db):
    exact = EmulatedEngine(solving_onnx, threads=1).run(histories(tiny_dataset, snr_db))
    found = EmulatedEngine(fp16.lower(solving_onnx), threads=1).run(histories(tiny_dataset, snr_db))
    assert error_db(found, exact) < -75


def test_onnx_runtime_solves_noise_free_channels_as_double_precision_does(solving_onnx, tiny_dataset):
    history = histories(tiny_dataset, snr_db=None, users=12)
    exact = load(shipped("csi-alm-light-ad", "tdd")).double()(torch.from_numpy(history).double())
    found = EmulatedEngine(solving_onnx, threads=1).run(history)
    assert max(map(error_db, found, exact.detach().numpy())) < -70


def histories(path, snr_db, users=3):
    """float32 [user, antenna, T, K, 2] of the slowest, noise-free where there is no SNR."""
    with Dataset.open(path) as dataset:
        users = np.sort(np.argsort(dataset.speed_kmh)[:users])
        history = dataset.history(users)
    return CSI.input.to_engine(history if snr_db is None else CSI.add_noise(history, users, snr_db, 0, 0))


def error_db(found, exact):
    return 20 * np.log10(np.linalg.norm(found - exact) / np.linalg.norm(exact))
