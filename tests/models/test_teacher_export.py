import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from edgecsi.export.onnx_graph import export_onnx
from edgecsi.tasks import TASKS

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def graph(teacher):
    return export_onnx(teacher, TASKS.get("csi"), teacher.radio)


def test_the_exported_teacher_is_the_teacher(teacher, graph, csi):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    history = csi(3, seed=7)
    with torch.inference_mode():
        expected = teacher(history).numpy()
    (future,) = session.run(None, {"csi_history": history.numpy()})
    assert np.square(future - expected).sum() < 1e-8 * np.square(expected).sum()


def test_what_comes_from_the_dictionary_is_a_constant(teacher, graph):
    model = onnx.load_from_string(graph)
    weights = {weight.name for weight in model.graph.initializer}
    assert not [node.op_type for node in model.graph.node if node.input and set(node.input) <= weights]
    entries, width = teacher.semantic_prompts.dictionary.shape
    shapes = [tuple(weight.dims) for weight in model.graph.initializer]
    assert not [shape for shape in shapes if entries in shape]
    assert (100, width) in shapes
