import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgecsi.errors import BuildError
from edgecsi.export.emulation import EmulatedEngine
from edgecsi.export.lowering import fp16


@pytest.fixture
def chain(small_graph):
    """Multiply, add and negate in FP16."""
    nodes = [
        helper.make_node("Cast", ["csi_history"], ["x"], to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["x", "factor"], ["product"]),
        helper.make_node("Add", ["product", "factor"], ["sum"]),
        helper.make_node("Neg", ["sum"], ["negated"]),
        helper.make_node("Cast", ["negated"], ["csi_future"], to=TensorProto.FLOAT),
    ]
    return small_graph(nodes, factor=np.array([1.1, 0.3, 7.7, 3e-4], np.float16))


def test_rounds_as_numpy_does(chain):
    history = np.random.default_rng(0).standard_normal((100, 4)).astype(np.float32)
    factor = np.array([1.1, 0.3, 7.7, 3e-4], np.float16)
    expected = -(history.astype(np.float16) * factor + factor)
    assert np.array_equal(EmulatedEngine(chain).run(history), expected.astype(np.float32))


def test_rounds_more_than_onnx_runtime_alone(student_onnx, history):
    lowered = fp16.lower(student_onnx)
    exact, plain = (
        onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(
            None, {"csi_history": history(2)}
        )[0]
        for graph in (student_onnx, lowered)
    )
    emulated = EmulatedEngine(lowered).run(history(2))
    assert np.linalg.norm(emulated - exact) > 1.5 * np.linalg.norm(plain - exact)


def test_an_fp32_graph_runs_unchanged(student_onnx, history):
    session = onnxruntime.InferenceSession(student_onnx, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"csi_history": history(2)})
    assert np.array_equal(EmulatedEngine(student_onnx).run(history(2)), expected)


def test_overflow_names_the_tensor(chain):
    with pytest.raises(BuildError, match=r"FP16 overflows: product reaches 7\.7e\+04"):
        EmulatedEngine(chain).run(np.full((1, 4), 1e4, np.float32))
