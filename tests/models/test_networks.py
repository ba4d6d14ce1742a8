"""Rows of the networks, their sizes, relations, export and learning; tests/contracts has what all promise."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from edgecsi.errors import ModelError
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.models.backbones import load_backbone
from edgecsi.models.folder import ModelConfig, build_network
from edgecsi.models.llm4cp import Llm4cp, delay_matrix
from edgecsi.models.losses import user_nmse
from edgecsi.models.network import NETWORKS
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.tasks import TASKS

SMALL = RadioSetting(array=ArrayGeometry(columns=1, rows=1), history=8, future=2, subcarriers=6)
BASELINES = ("cnn", "rnn", "lstm", "gru", "transformer", "llm4cp")
PARAMETERS = {"cnn": 196_566, "rnn": 296_544, "lstm": 1_130_592, "gru": 852_576, "transformer": 832_736}


def build(name, radio=SMALL):
    torch.manual_seed(0)
    backbone = "random" if NETWORKS.get(name).backbone else None
    return build_network(ModelConfig(name=name, radio=radio, backbone=backbone))


@pytest.fixture(scope="module", params=("csi-alm-light", "csi-alm-light-delta", *BASELINES))
def network(request):
    return build(request.param).eval()


def far(one, other):
    """Relative squared distance."""
    return ((one - other).square().sum() / other.square().sum()).item()


def test_every_network_has_a_row_with_its_module():
    for row in NETWORKS:
        assert row.module.startswith("edgecsi.models.")
        assert row.summary
        assert not row.summary.endswith(".")
        assert all(field.description for field in row.options.model_fields.values())


def test_those_with_relations_tell_their_widths():
    for row in NETWORKS:
        assert hasattr(type(build(row.name, RadioSetting(subcarriers=2))), "relation_widths") == row.relations


def test_duplex_modes_that_a_row_leaves_out_are_told():
    row = replace(NETWORKS.get("cnn"), duplexes=("tdd",))
    assert row.cannot(RadioSetting()) is None
    assert row.cannot(RadioSetting(duplex="fdd")) == "predicts TDD, not FDD"


@pytest.mark.parametrize(("name", "backbone"), [("cnn", "random"), ("csi-alm", None)])
def test_a_backbone_is_for_those_that_stand_on_one(name, backbone):
    with pytest.raises(ModelError, match=f"{name} stands on (a|no) backbone"):
        build_network(ModelConfig(name=name, radio=SMALL, backbone=backbone))


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_sizes_are_those_of_the_docstrings(name, parameters):
    network = build(name, RadioSetting()).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    with torch.inference_mode():
        assert network(torch.randn(1, 32, 16, 48, 2)).shape == (1, 32, 4, 48, 2)


def test_antennas_are_predicted_alike(network, csi):
    history = csi(2)
    with torch.inference_mode():
        assert far(network(history.flip(1)), network(history).flip(1)) < 1e-8


def test_predict_and_forward_are_one(network, csi):
    history = csi(2)
    with torch.inference_mode():
        assert torch.equal(network.predict(history).future, network(history))


@pytest.mark.filterwarnings("ignore")
def test_the_exported_network_is_the_network(network, csi):
    graph = export_onnx(network, TASKS.get("csi"), SMALL)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    history = csi(5, seed=7)
    with torch.inference_mode():
        expected = network(history).numpy()
    (future,) = session.run(None, {"csi_history": history.numpy()})
    assert np.square(future - expected).sum() < 1e-8 * np.square(expected).sum()


@pytest.mark.parametrize("name", BASELINES)
def test_it_learns(name, csi):
    network, history = build(name).train(), csi(4)
    future = history[:, :, -2:]  # hold last can be learned
    optimizer = torch.optim.Adam((p for p in network.parameters() if p.requires_grad), lr=1e-3)
    losses = []
    for _ in range(15):
        losses.append(user_nmse(network(history), future).mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_baselines_without_relations_say_so(name, csi):
    with pytest.raises(ModelError, match=r"has no relations to distil; those that have: csi-alm, .*llm4cp"):
        build(name).predict(csi(1), relations=True)


def test_llm4cp_hands_out_relations_without_prompts(csi):
    relations = build("llm4cp").eval().predict(csi(3), relations=True).relations
    assert relations.query.shape == (6, 8, 64)
    assert relations.key.shape == relations.value.shape == (6, 8, 32)
    assert relations.prompts == 0
    assert build("llm4cp").relation_widths == {"query": 64, "key": 32, "value": 32}


@pytest.mark.parametrize("backbone", ["gpt2", "qwen2.5-0.5b", "smollm2"])
def test_llm4cp_trains_norms_and_positions_of_the_llm(backbone_folders, csi, backbone):
    network = Llm4cp(SMALL, load_backbone(backbone, backbone_folders[backbone]))
    trained = {name for name, parameter in network.llm.named_parameters() if parameter.requires_grad}
    assert trained
    assert all("norm" in name or ".ln_" in name or name.startswith(("ln_f", "wpe")) for name in trained)
    assert any(name.startswith("wpe") for name in trained) == (backbone == "gpt2")
    assert network(csi(1)).shape == (1, 2, 2, 6, 2)


def test_the_delay_domain_is_the_unitary_inverse_dft():
    csi = torch.randn(3, 6, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    expected = torch.fft.ifft(csi, norm="ortho")
    rows = torch.cat([csi.real, csi.imag], dim=-1) @ delay_matrix(6)
    torch.testing.assert_close(rows, torch.cat([expected.real, expected.imag], dim=-1))
