"""What every network promises, and the baselines in the papers' sizes."""

import numpy as np
import onnxruntime
import pytest
import torch

from edgecsi.csi import CsiShape
from edgecsi.errors import ModelError
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.models.backbones import load_backbone
from edgecsi.models.folder import LLM_BACKED, STUDENTS, ModelConfig, build_network
from edgecsi.models.llm4cp import Llm4cp, delay_matrix
from edgecsi.models.losses import user_nmse

SMALL = CsiShape(antennas=2, history=8, future=2, subcarriers=6)
BASELINES = ("cnn", "rnn", "lstm", "gru", "transformer", "llm4cp")
PARAMETERS = {"cnn": 196_566, "rnn": 296_544, "lstm": 1_130_592, "gru": 852_576, "transformer": 832_736}


def build(name, shape=SMALL):
    torch.manual_seed(0)
    backbone = "random" if name in LLM_BACKED else None
    return build_network(ModelConfig(name=name, shape=shape, duplex="tdd", step_s=5e-4, backbone=backbone))


@pytest.fixture(scope="module", params=("csi-alm-light", "csi-alm-light-delta", *BASELINES))
def network(request):
    return build(request.param).eval()


def far(one, other):
    """Relative squared distance."""
    return ((one - other).square().sum() / other.square().sum()).item()


def test_every_name_of_a_config_can_be_built():
    names = ModelConfig.model_fields["name"].annotation.__args__
    assert set(names) == {*STUDENTS, *LLM_BACKED}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_sizes_are_those_of_the_docstrings(name, parameters):
    network = build(name, CsiShape()).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    with torch.inference_mode():
        assert network(torch.randn(1, 32, 16, 48, 2)).shape == (1, 32, 4, 48, 2)


@pytest.mark.parametrize("exponent", [-8, -3.3, 4])
def test_scale_equivariance(network, csi, exponent):
    history, factor = csi(2), 10**exponent
    with torch.inference_mode():
        assert far(network(factor * history), factor * network(history)) < 1e-8


def test_a_user_does_not_depend_on_who_shares_the_batch(network, csi):
    history = csi(3)
    history[1] *= 1e6
    with torch.inference_mode():
        together = network(history)
        for user in range(3):
            assert far(network(history[[user]]), together[[user]]) < 1e-8


def test_a_user_without_power_gets_zeros_and_spoils_nobody(network, csi):
    history = csi(3)
    history[1] = 0
    with torch.inference_mode():
        future = network(history)
        assert (future[1] == 0).all()
        assert far(future[[0, 2]], network(history[[0, 2]])) < 1e-8


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
    session = onnxruntime.InferenceSession(export_onnx(network, SMALL), providers=["CPUExecutionProvider"])
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
    with pytest.raises(ModelError, match="has no relations to distil; take csi-alm or llm4cp"):
        build(name).predict(csi(1), relations=True)


def test_llm4cp_hands_out_relations_without_prompts(csi):
    relations = build("llm4cp").eval().predict(csi(3), relations=True).relations
    assert relations.query.shape == (6, 8, 64)
    assert relations.key.shape == relations.value.shape == (6, 8, 32)
    assert relations.prompts == 0


@pytest.mark.parametrize("backbone", ["gpt2", "qwen2.5-0.5b", "smollm2"])
def test_llm4cp_trains_norms_and_positions_of_the_llm(backbone_folders, csi, backbone):
    network = Llm4cp(SMALL, load_backbone(backbone, backbone_folders[backbone]))
    trained = {name for name, parameter in network.llm.named_parameters() if parameter.requires_grad}
    assert trained
    assert all("norm" in name or ".ln_" in name or name.startswith(("ln_f", "wpe")) for name in trained)
    assert any(name.startswith("wpe") for name in trained) == (backbone == "gpt2")
    assert network(csi(1)).shape == (1, 2, 2, 6, 2)


def test_llm4cp_needs_whole_patches():
    with pytest.raises(ModelError, match="LLM4CP needs a history of a multiple of 4 steps, not 10"):
        build("llm4cp", CsiShape(antennas=2, history=10, future=2, subcarriers=6))


def test_the_delay_domain_is_the_unitary_inverse_dft():
    csi = torch.randn(3, 6, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    expected = torch.fft.ifft(csi, norm="ortho")
    rows = torch.cat([csi.real, csi.imag], dim=-1) @ delay_matrix(6)
    torch.testing.assert_close(rows, torch.cat([expected.real, expected.imag], dim=-1))
