import numpy as np
import pytest
import torch

from edgecsi.errors import BuildError
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.export.student_graph import StudentGraph
from edgecsi.models.cnn import Cnn
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.models.csi_alm_light_delta import CsiAlmLightDelta
from edgecsi.models.transformer import Transformer
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS

CSI = TASKS.get("csi")
SMALL = RadioSetting(
    array=ArrayGeometry(columns=2, rows=1, polarisations=1), history=8, future=2, subcarriers=6
)


@pytest.mark.parametrize("kind", [CsiAlmLight, CsiAlmLightDelta])
def test_the_weights_come_back_out_of_the_graph(kind):
    torch.manual_seed(0)
    network = kind(SMALL).eval()
    found = StudentGraph(export_onnx(network, CSI, SMALL))
    assert found.delta == (kind is CsiAlmLightDelta)
    assert (found.sizes["antennas"], found.sizes["heads"], len(found.layers)) == (
        2,
        network.blocks[0].heads,
        3,
    )
    for layer, block in zip(found.layers, network.blocks, strict=True):
        for name, weight in [
            ("qkv", block.qkv.weight.T),
            ("qkv_bias", block.qkv.bias),
            ("out", block.attention_out.weight.T),
            ("feed", block.feed_forward[0].weight.T),
            ("back_bias", block.feed_forward[2].bias),
            ("norm", block.attention_norm.weight),
            ("feed_norm_bias", block.feed_forward_norm.bias),
        ]:
            np.testing.assert_array_equal(layer[name], weight.detach().numpy())
    np.testing.assert_array_equal(found.weights["embedding"], network.embedding.weight.detach().numpy().T)
    np.testing.assert_array_equal(found.weights["prompt"], network.soft_prompt.detach().numpy())
    np.testing.assert_array_equal(found.weights["to_future"], network.to_future.weight.detach().numpy())


@pytest.mark.parametrize("kind", [Cnn, Transformer])
def test_another_network_is_refused_in_one_line(kind):
    with pytest.raises(BuildError, match="csi-alm-light and csi-alm-light-delta only; this graph") as caught:
        StudentGraph(export_onnx(kind(SMALL).eval(), CSI, SMALL))
    assert "\n" not in str(caught.value)
