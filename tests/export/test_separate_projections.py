import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from edgecsi.export.onnx_graph import export_onnx
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS

SMALL = RadioSetting(
    array=ArrayGeometry(columns=2, rows=1, polarisations=1), history=6, future=2, subcarriers=4
)


class Projected(nn.Module):
    """One product, cut along `axis` into `parts` which are multiplied with each other."""

    def __init__(self, parts: int, axis: int) -> None:
        super().__init__()
        self.parts, self.axis, self.qkv = parts, axis, nn.Linear(8, 24)

    def forward(self, csi: Tensor) -> Tensor:
        rows = self.qkv(csi.flatten(3))  # [user, antenna, T, 24]
        return (
            torch.stack(rows.chunk(self.parts, dim=self.axis)).prod(dim=0)[:, :, :2, :8].unflatten(-1, (4, 2))
        )


def test_queries_keys_and_values_are_products_of_their_own(student, student_onnx):
    graph = onnx.load_from_string(student_onnx).graph
    assert not [node.name for node in graph.node if node.op_type == "Split"]
    weights = {weight.name: onnx.numpy_helper.to_array(weight) for weight in graph.initializer}
    for i, part in enumerate(("query", "key", "value")):
        expected = student.blocks[1].qkv.weight.chunk(3)[i].detach().numpy().T
        np.testing.assert_array_equal(weights[f"blocks.1.qkv.{part}.weight"], expected)


@pytest.mark.parametrize(("parts", "axis", "splits"), [(3, -1, 0), (2, -1, 1), (3, 2, 1)])
def test_only_thirds_of_the_last_axis(parts, axis, splits):
    torch.manual_seed(0)
    graph = onnx.load_from_string(export_onnx(Projected(parts, axis), TASKS.get("csi"), SMALL)).graph
    assert sum(node.op_type == "Split" for node in graph.node) == splits
