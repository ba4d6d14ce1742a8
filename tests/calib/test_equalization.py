"""Equalization: the same function, and even channels where it was applied."""

import numpy as np
import pytest
import torch

from edgecsi.calib.candidates import candidates
from edgecsi.calib.equalization import equalize
from edgecsi.calib.graph_comparison import GraphComparison
from edgecsi.calib.graph_session import GraphSession
from edgecsi.calib.qdq import quantize
from edgecsi.calib.quantization import activation_thresholds
from edgecsi.calib.statistics import channel_peaks
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS

LAYERS = ("qkv.query", "qkv.key", "qkv.value", "attention_out", "feed_forward.0")
EVEN = [f"blocks.{i}.{name}" for i in range(3) for name in LAYERS]


@pytest.fixture(scope="module")
def uneven() -> bytes:
    """A student whose LayerNormalizations and values scale channels by up to a hundred."""
    torch.manual_seed(0)
    student = CsiAlmLight(RadioSetting()).eval()
    with torch.no_grad():
        for block in student.blocks:
            for norm in (block.attention_norm, block.feed_forward_norm):
                norm.weight.copy_(10 ** torch.empty(128).uniform_(-1, 1))
                norm.bias.normal_()
            block.qkv.weight[256:] *= 10 ** torch.empty(128, 1).uniform_(-1, 1)
    return export_onnx(student, TASKS.get("csi"), RadioSetting())


def test_it_computes_the_same(uneven, calibration):
    users = next(calibration.calibrating_users())
    before, after = (
        GraphSession(graph, calibration.task).run(users)[0]
        for graph in (uneven, equalize(uneven, calibration))
    )
    assert np.linalg.norm(after - before) < 1e-5 * np.linalg.norm(before)


def test_every_channel_has_the_same_peak(uneven, calibration):
    graph = equalize(uneven, calibration)
    names = [operator.activation for operator in candidates(graph) if operator.label in EVEN]
    assert len(names) == len(EVEN)
    for peaks in channel_peaks(graph, calibration, names).values():
        np.testing.assert_allclose(peaks, peaks[0], rtol=1e-4)


def test_the_layers_lose_less_by_int8(uneven, calibration):
    comparison, errors = GraphComparison(uneven, calibration), []
    for graph in (uneven, equalize(uneven, calibration)):
        chosen = [operator for operator in candidates(graph) if operator.label in EVEN]
        thresholds = activation_thresholds(graph, calibration, chosen, "mse")
        errors.append(comparison.compare(quantize(graph, chosen, thresholds)).relative_error_db)
    assert errors[1] < errors[0] - 1.5
