import numpy as np
import onnx
import pytest
import torch
from level_task import LEVELS
from onnx import TensorProto
from torch import Tensor, nn

from edgecsi.errors import BuildError
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS

CSI = TASKS.get("csi")
SMALL = RadioSetting(
    array=ArrayGeometry(columns=2, rows=1, polarisations=1), history=4, future=2, subcarriers=3
)


class Affine(nn.Module):
    """A tiny predictor whose weights are computed from a dictionary, as a teacher's keys are."""

    def __init__(self, words: int = 4000) -> None:
        super().__init__()
        self.register_buffer("dictionary", torch.randn(words, 12))
        self.to_key = nn.Linear(words, 12)

    def forward(self, csi: Tensor) -> Tensor:
        key = torch.softmax(self.to_key(self.dictionary.T), dim=-1)
        return (csi.flatten(2)[..., :12] @ key).unflatten(-1, (2, 3, 2))


def test_names_shapes_and_types_are_the_contract(student_onnx):
    graph = onnx.load_from_string(student_onnx).graph
    (history,), (future,) = graph.input, graph.output
    for tensor, name, sizes in (
        (history, "csi_history", [32, 16, 48, 2]),
        (future, "csi_future", [32, 4, 48, 2]),
    ):
        user, *fixed = tensor.type.tensor_type.shape.dim
        assert tensor.name == name
        assert tensor.type.tensor_type.elem_type == TensorProto.FLOAT
        assert user.dim_param == "user"
        assert [dim.dim_value for dim in fixed] == sizes


def test_opset_23_keeps_attention_whole(student_onnx):
    model = onnx.load_from_string(student_onnx)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 23)]
    assert sum(node.op_type == "Attention" for node in model.graph.node) == 3


def test_attention_splits_the_heads_itself(student_onnx):
    graph = onnx.load_from_string(student_onnx).graph
    for node in graph.node:
        if node.op_type == "Attention":
            attributes = {attribute.name: attribute.i for attribute in node.attribute}
            assert attributes["q_num_heads"] == attributes["kv_num_heads"] == 8
    assert sum(node.op_type == "Transpose" for node in graph.node) == 0  # of the 12 that PyTorch wrote


def test_graph_tells_nothing_about_the_machine(student_onnx):
    model = onnx.load_from_string(student_onnx)
    parts = (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output)
    assert not any(part.metadata_props or part.doc_string for part in parts)
    assert torch.__file__.rsplit("/", 2)[0].encode() not in student_onnx


def test_same_weights_give_the_same_bytes(student, student_onnx):
    assert export_onnx(student, CSI, RadioSetting()) == student_onnx


def test_what_does_not_depend_on_the_input_is_a_constant():
    torch.manual_seed(0)
    model = onnx.load_from_string(export_onnx(Affine(), CSI, SMALL))
    weights = {weight.name for weight in model.graph.initializer}
    assert not [node.op_type for node in model.graph.node if set(node.input) <= weights]
    assert sum(np.prod(weight.dims) for weight in model.graph.initializer) < 200


def test_training_state_is_restored():
    network = Affine().train()
    export_onnx(network, CSI, SMALL)
    assert network.training


def test_a_graph_unlike_the_network_is_refused():
    class Unlike(Affine):
        def forward(self, csi: Tensor) -> Tensor:
            future = super().forward(csi)
            return 1.001 * future if torch.compiler.is_exporting() else future

    with pytest.raises(BuildError, match=r"differs from the network: squared error 1\.0e-06"):
        export_onnx(Unlike(), CSI, SMALL)


def test_a_graph_that_onnx_runtime_cannot_run_is_refused():
    class Noisy(Affine):
        def forward(self, csi: Tensor) -> Tensor:
            return super().forward(csi) * torch.rand_like(csi[:, :, :2])

    with pytest.raises(BuildError, match=r"ONNX Runtime can't run the graph: .*RandomUniformLike"):
        export_onnx(Noisy(), CSI, SMALL)


def test_a_network_that_torch_cannot_export_is_one_line():
    class Branching(Affine):
        def forward(self, csi: Tensor) -> Tensor:
            return super().forward(csi) if csi.sum() > 0 else csi[:, :, :2]

    with pytest.raises(BuildError, match="Branching can't be exported") as caught:
        export_onnx(Branching(), CSI, SMALL)
    assert "\n" not in str(caught.value)


def test_a_network_of_another_task_is_refused():
    class Short(Affine):
        def forward(self, csi: Tensor) -> Tensor:
            return super().forward(csi)[:, :, :1]

    with pytest.raises(BuildError, match=r"Short predicts \[2, 1, 3, 2\] per user, csi is \[2, 2, 3, 2\]"):
        export_onnx(Short(), CSI, SMALL)


class Levels(nn.Module):
    """A predictor of the toy task: the last levels again, each a little off."""

    def __init__(self, radio: RadioSetting) -> None:
        super().__init__()
        self.off = nn.Parameter(torch.arange(radio.future * 1.0)[:, None])

    def forward(self, levels: Tensor) -> Tensor:
        return levels[:, -1:] + self.off


def test_tensors_are_those_of_the_task():
    graph = onnx.load_from_string(export_onnx(Levels(SMALL), LEVELS, SMALL)).graph
    ends = {end.name: [d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim]
            for end in (*graph.input, *graph.output)}  # fmt: skip
    assert ends == {"levels": ["user", 4, 3], "next_levels": ["user", 2, 3]}
