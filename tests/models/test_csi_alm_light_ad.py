"""The student in the angle-delay domain, against numpy and the classical predictor."""

import itertools

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plane_waves import plane_waves

from edgecsi.errors import ModelError
from edgecsi.export.onnx_graph import export_onnx
from edgecsi.interleaved import to_complex, to_interleaved
from edgecsi.models.baselines.angle_delay import to_angle_delay
from edgecsi.models.baselines.ridge_ar import RidgeAr
from edgecsi.models.complex_pair import Complex
from edgecsi.models.csi_alm_light_ad import CsiAlmLightAd, CsiAlmLightAdOptions, apply
from edgecsi.models.linear_prediction import (
    Eliminated,
    LinearPrediction,
    eliminate,
    ring_distance,
    solve,
)
from edgecsi.models.slepian import Sizes
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS

RADIO = RadioSetting(subcarriers=12)
FULL_RANK = 4  # taps and unknowns of a prediction without Slepian sequences


@pytest.fixture(scope="module")
def network():
    """Untrained, but every layer does something."""
    torch.manual_seed(0)
    network = CsiAlmLightAd(RADIO).eval()
    for layer in (network.context, network.component_weights, network.filter_gains):
        torch.nn.init.normal_(layer.weight, std=0.02)
    return network


def paths(users, seed=0, doppler=0.08):
    """Few plane waves at the scale of raw coefficients: history complex64 [user, 32, T, K], and future."""
    return (np.float32(5e-6) * part for part in plane_waves(users, 5, doppler, 1, seed, RADIO))


def noisy(csi, seed=0, deviation=0.1):
    random = np.random.default_rng(seed)
    noise = random.standard_normal((*csi.shape, 2)) @ [1, 1j] * np.sqrt(np.mean(np.abs(csi) ** 2) / 2)
    return (csi + deviation * noise).astype(np.complex64)


def histories(users, seed=0):
    history, _ = paths(users, seed)
    return torch.from_numpy(to_interleaved(noisy(history, seed)).copy())


def far(one, other):
    """Relative squared distance."""
    return ((one - other).square().sum() / other.square().sum()).item()


def run(network, history):
    with torch.inference_mode():
        return network(history)


def test_in_the_papers_setting_it_is_small():
    network = CsiAlmLightAd(RadioSetting())
    assert sum(parameter.numel() for parameter in network.parameters()) < 360_000
    assert run(network, torch.randn(2, 32, 16, 48, 2)).shape == (2, 32, 4, 48, 2)


@settings(max_examples=15, deadline=None)
@given(exponent=st.floats(-8, 4))
def test_scale_equivariance(network, exponent):
    history, factor = histories(2), 10**exponent
    assert far(run(network, factor * history), factor * run(network, history)) < 1e-8


@settings(max_examples=15, deadline=None)
@given(angle=st.floats(-np.pi, np.pi))
def test_a_common_phase_goes_through(network, angle):
    history, turn = histories(2), np.exp(1j * angle)
    turned = torch.from_numpy(to_interleaved(to_complex(history.numpy()) * turn))
    expected = torch.from_numpy(to_interleaved(to_complex(run(network, history).numpy()) * turn))
    assert far(run(network, turned), expected) < 1e-8


def test_a_user_does_not_depend_on_who_shares_the_batch(network):
    history = histories(3)
    history[1] *= 1e6
    together = run(network, history)
    for user in range(3):
        assert far(run(network, history[[user]]), together[[user]]) < 1e-8


def test_a_user_without_power_gets_zeros_and_spoils_nobody(network):
    history = histories(3)
    history[1] = 0
    future = run(network, history)
    assert (future[1] == 0).all()
    assert far(future[[0, 2]], run(network, history[[0, 2]])) < 1e-8


def test_noise_alone_stays_finite(network):
    assert run(network, torch.randn(1, *RADIO.history_shape, 2)).isfinite().all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_even_untrained_it_extrapolates_slow_plane_waves(seed):
    torch.manual_seed(0)
    history, truth = (torch.from_numpy(to_interleaved(part)) for part in paths(2, seed))
    assert far(run(CsiAlmLightAd(RADIO), history), truth) < 1e-2


def test_even_untrained_it_tells_many_fast_paths_apart():
    """By the last unknowns, whose power is a millionth of the first one's."""
    torch.manual_seed(0)
    waves = plane_waves(4, 20, 0.11, 1, radio=RADIO)
    history, truth = (torch.from_numpy(to_interleaved(part)) for part in waves)
    assert far(run(CsiAlmLightAd(RADIO), history), truth) < 5e-4


@pytest.mark.filterwarnings("ignore")
def test_the_exported_network_is_the_network(network):
    graph = export_onnx(network, TASKS.get("csi"), RADIO)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    history = histories(5, seed=7)
    history[4] = 0
    (future,) = session.run(None, {"csi_history": history.numpy()})
    expected = run(network, history).numpy()
    assert np.square(future - expected).sum() < 1e-8 * np.square(expected).sum()
    assert (future[4] == 0).all()


def test_training_reaches_every_parameter(network):
    network.zero_grad()
    network(histories(2)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    network.zero_grad()


def test_its_width_can_be_chosen():
    small = CsiAlmLightAd(RADIO, CsiAlmLightAdOptions(width=8))
    assert small.context.weight.shape == (8, 8)
    assert run(small, histories(1)).shape == (1, 32, 4, 12, 2)


@pytest.mark.parametrize(
    ("history", "taps", "basis", "unknowns"),
    [(16, 13, 10, 8), (20, 16, 11, 8), (12, 10, 9, 7), (64, 51, 22, 17)],
)
def test_sizes_follow_from_the_history(history, taps, basis, unknowns):
    assert Sizes.of(history) == Sizes(taps, basis, unknowns)


def test_beams_too_far_from_each_other_are_not_pooled():
    linear = LinearPrediction(16, 8, 1, 1)
    products = torch.zeros(1, 3, 8)
    products[..., 0] = 1  # one beam has power
    pooled = linear._pool(products)[0, :, 0].detach()  # [system, beam]
    first = linear.log_beam.exp()[:, :, 0].detach()
    assert torch.allclose(pooled, first[:, [0, 1, 2, 2, 2, 2, 2, 1]] * torch.tensor([1, 1, 1, 0, 0, 0, 1, 1]))


def test_it_has_no_relations(network):
    with pytest.raises(ModelError, match="csi-alm-light-ad has no relations"):
        network.predict(histories(1), relations=True)
    assert network.predict(histories(1)).future.shape == (1, 32, 4, 12, 2)


def test_bins_are_the_angle_delay_transform_and_go_back(network):
    history = histories(2)
    bins = network.to_bins(history)
    expected = to_angle_delay(to_complex(history.numpy()), RADIO.array).transpose(0, 5, 3, 1, 2, 4)
    expected = expected.reshape(2, RADIO.history, 2, -1)
    assert np.allclose(torch.complex(bins[:, :, 0], bins[:, :, 1]), expected, rtol=0, atol=1e-10)
    assert far(network.from_bins(bins), history) < 1e-10


@pytest.mark.parametrize("ridge", [0.3, 30.0])
def test_without_slepian_sequences_it_is_the_ridge_ar(network, ridge):
    """All Slepian sequences of a length are an orthonormal basis, in which the ridge is the same."""
    csi = noisy(next(paths(2))) * 1e5
    sizes = Sizes(taps=FULL_RANK, basis=RADIO.history, unknowns=FULL_RANK)
    linear = LinearPrediction(RADIO.history, 4, 4, RADIO.subcarriers, sizes)
    bins = network.to_bins(torch.from_numpy(to_interleaved(csi)))
    floor = bins.square().sum(2).mean(1).flatten(1).numpy()
    floor = torch.from_numpy(np.median(floor, axis=1).astype(np.float32))[:, None, None]
    with torch.no_grad():
        linear.log_delay[0] = torch.tensor([1, 0.5, 0, 0, 0]).log()
        linear.log_beam[0] = torch.tensor([[1, 0.3, 0], [0.3, 0, 0], [0, 0, 0]]).log()
        linear.log_ridge.fill_(np.log(ridge))
        coefficients = linear.to_basis(bins)
        pooled = linear._pool(linear._products(coefficients))
        found = eliminate(linear._equations(pooled), linear._ridge(pooled, floor))
        first = torch.zeros(1, linear.systems, 1, 1)
        first[:, 0] = 1  # of the systems
        solution = solve(Eliminated(*found, None, None), first)
        future = network.from_bins(apply(linear.extrapolate(solution, 4), coefficients))
    expected = torch.from_numpy(to_interleaved(RidgeAr(RADIO, FULL_RANK, ridge)(csi)))
    assert far(future, expected) < 1e-6


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), ridge=st.floats(0.01, 10))
def test_components_add_up_to_the_solutions_of_all_orders(seed, ridge):
    linear = LinearPrediction(16, 4, 4, 1, Sizes(taps=13, basis=10, unknowns=6))
    random = np.random.default_rng(seed)
    frames = random.standard_normal((linear.systems, 9, 7, 2)) @ [1, 1j]
    gram = frames.conj().swapaxes(1, 2) @ frames  # [S, 7, 7]: six unknowns and a target
    rows = torch.from_numpy(gram[None, :, :6, :, None])
    added = torch.full((1, linear.systems, 6, 1), ridge)
    found = eliminate(Complex(rows.real, rows.imag), added)
    for system, order in itertools.product(range(linear.systems), range(1, 7)):
        weights = torch.zeros(1, linear.systems, 6, 1)
        weights[:, system, :order] = 1
        solution = solve(Eliminated(*found, None, None), weights)
        regularised = gram[system, :order, :order] + ridge * np.eye(order)
        expected = np.linalg.solve(regularised, gram[system, :order, 6])
        solved = (solution.re + 1j * solution.im).numpy()[0, :order, 0]
        np.testing.assert_allclose(solved, expected, rtol=1e-3, atol=1e-3)
    assert (found[2] >= 0).all()


@pytest.mark.parametrize("deviation", [0.03, 0.3])
def test_noise_is_inferred(network, deviation):
    csi = next(paths(2)) * 1e5
    bins = network.to_bins(torch.from_numpy(to_interleaved(noisy(csi, deviation=deviation))))
    noise = network.linear(bins, network.linear.to_basis(bins)).noise
    expected = deviation**2 * np.mean(np.abs(csi) ** 2) / 2  # half of it in a real sample
    assert noise.flatten().tolist() == pytest.approx([expected] * 2, rel=0.1)


def test_distance_on_a_ring():
    assert ring_distance(torch.arange(4), 4)[0].tolist() == [0, 1, 2, 1]
    assert ring_distance(torch.arange(2), 2).tolist() == [[0, 1], [1, 0]]
    assert ring_distance(torch.arange(1), 1).tolist() == [[0]]


def test_pairs_compute_as_complex_numbers_do():
    torch.manual_seed(0)
    one, other = torch.randn(3, 4, dtype=torch.complex64), torch.randn(4, dtype=torch.complex64)
    a, b = (Complex(value.real, value.imag) for value in (one, other))
    pairs = [(a * b, one * other), (a - b, one - other), (a + b, one + other)]
    pairs += [(a.conj(), one.conj()), (a.scaled(b.re), one * other.real), (a.sum(1), one.sum(1))]
    pairs += [(a.at[1:], one[1:]), (Complex.cat([a, a], 0), torch.cat([one, one]))]
    for pair, expected in pairs:
        assert torch.allclose(torch.complex(pair.re, pair.im), expected)
