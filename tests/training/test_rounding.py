"""Training with rounded activations."""

import math

import pytest
import torch
from command_line import edgecsi
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.models import load
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.training.rounding import round_activations, significant

SMALL = RadioSetting(history=8, future=2, subcarriers=6, array=ArrayGeometry(columns=1, rows=1))


@pytest.fixture
def rounded():
    torch.manual_seed(0)
    network = CsiAlmLight(SMALL)
    round_activations(network, 4)
    return network


@pytest.fixture
def history():
    return torch.randn(2, *SMALL.history_shape, 2, generator=torch.Generator().manual_seed(0))


@given(st.floats(-(2.0**99), 2.0**99, width=32), st.integers(2, 23))
def test_a_number_keeps_its_leading_bits(value, bits):
    got = significant(torch.tensor(value), bits).item()
    mantissa, exponent = math.frexp(value)
    wanted = math.ldexp(round(mantissa * 2**bits), exponent - bits)
    assert abs(got - value) == abs(wanted - value)  # of two that are as near, either
    assert math.frexp(got)[0] * 2**bits == round(math.frexp(got)[0] * 2**bits)


def test_bf16_has_eight_significant_bits():
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(significant(values, 8), values.bfloat16().float())


def test_only_a_network_in_training_rounds(rounded, history):
    plain = CsiAlmLight(SMALL)
    plain.load_state_dict(rounded.state_dict())
    assert torch.equal(rounded.eval()(history), plain(history))
    assert not torch.allclose(rounded.train()(history), plain(history), rtol=1e-3)


def test_every_parameter_learns_through_the_rounding(rounded, history):
    rounded(history).square().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in rounded.parameters())


def test_a_student_is_trained_with_rounded_activations(tiny_dataset, tmp_path):
    tiny = ("--data", tiny_dataset, "--epochs", "1", "--max-users", "4", "--batch-users", "8")
    networks = []
    for bits in ((), ("--activation-bits", "3")):
        folder = tmp_path / f"student{len(bits)}"
        done = edgecsi("train", "csi-alm-light", *tiny, *bits, "-o", folder)
        assert done.code == 0, done.stderr
        networks.append(load(folder))
    weights = [network.to_features.weight for network in networks]
    assert not torch.equal(*weights)
