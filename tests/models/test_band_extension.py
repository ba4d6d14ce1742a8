"""The adjacent band: its equations against numpy, and plane waves that go on beyond the band."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plane_waves import plane_waves

from edgecsi.export.onnx_graph import export_onnx
from edgecsi.interleaved import to_interleaved
from edgecsi.metrics import Energies
from edgecsi.models.band_extension import BandExtension
from edgecsi.models.baselines.band_ar import BandAr, band_taps, choose_band_ar
from edgecsi.models.baselines.hold_last import hold_last
from edgecsi.models.baselines.ridge_ar import RidgeAr
from edgecsi.models.complex_pair import Complex
from edgecsi.models.csi_alm_light_ad import CsiAlmLightAd
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS
from edgecsi.users import Users

FDD = RadioSetting(duplex="fdd")


def paths(users, seed=0):
    """Few plane waves: history complex64 [user, 32, T, K], and the future on the 48 subcarriers above."""
    return plane_waves(users, 4, 0.05, 0.3, seed, FDD)


def tensor(csi):
    return torch.from_numpy(to_interleaved(csi).copy())


def pair(values):
    return Complex(torch.from_numpy(values.real.copy()).float(), torch.from_numpy(values.imag.copy()).float())


def samples(seed, *shape):
    return np.random.default_rng(seed).standard_normal((*shape, 2)) @ np.array([1, 1j])


def complex_of(values):
    return values.re.double().detach().numpy() + 1j * values.im.double().detach().numpy()


def network():
    torch.manual_seed(0)
    return CsiAlmLightAd(FDD).eval()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_blocks_of_subcarriers_are_the_recurrence_one_by_one(seed):
    extension = BandExtension(subcarriers=12, taps=5)
    weights, known = samples(seed, 1, 1, 5, 1) / 4, samples(seed + 1, 1, 1, 3, 5)
    block = complex_of(extension.next_block(pair(weights)))
    series = known
    for _ in range(block.shape[-1]):
        series = np.concatenate([series, series[..., -5:] @ weights], axis=-1)
    np.testing.assert_allclose(known @ block, series[..., 5:], rtol=1e-3, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_conjugate_gradients_solve_the_ridge_equations(seed):
    extension = BandExtension(subcarriers=12, taps=6)
    torch.nn.init.constant_(extension.log_ridge, np.log(0.1))
    equations = extension.equations(pair(samples(seed, 2, 3, 20, 12)))
    full = complex_of(equations)
    system, target = full[..., :-1, :-1], full[..., :-1, -1:]
    level = np.trace(system, axis1=-2, axis2=-1).real[..., None, None] / 6
    expected = np.linalg.solve(system + 0.1 * level * np.eye(6), target)
    np.testing.assert_allclose(complex_of(extension.solve(equations)), expected, atol=1e-4)


def test_the_equations_are_those_of_all_windows_in_both_directions():
    extension = BandExtension(subcarriers=9, taps=4)
    torch.nn.init.constant_(extension.log_sharing, -np.inf)
    seen = samples(0, 1, 1, 3, 9)
    expected = np.zeros((5, 5), complex)
    for row in seen[0, 0]:
        for first in range(5):
            window = row[first : first + 5]
            for one in (window, window[::-1].conj()):
                expected += np.outer(one.conj(), one)
    np.testing.assert_allclose(complex_of(extension.equations(pair(seen)))[0, 0], expected, atol=1e-4)


def test_untrained_it_knows_the_other_band_of_plane_waves():
    history, future = paths(6)
    with torch.inference_mode():
        predicted = network()(tensor(history))
    error = (predicted - tensor(future)).square().sum() / tensor(future).square().sum()
    assert error < 0.1


def test_a_user_without_power_stays_zero_and_noise_finite():
    history = torch.randn(2, *FDD.history_shape, 2)
    history[0] = 0
    with torch.inference_mode():
        predicted = network()(history)
    assert (predicted[0] == 0).all()
    assert predicted.isfinite().all()


def test_training_reaches_the_extension():
    fdd = network()
    fdd(tensor(paths(2)[0])).square().sum().backward()
    for name, parameter in fdd.extension.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.filterwarnings("ignore")
def test_the_exported_network_is_the_network():
    fdd, history = network(), tensor(paths(3, seed=5)[0])
    graph = export_onnx(fdd, TASKS.get("csi"), FDD)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (future,) = session.run(None, {"csi_history": history.numpy()})
    with torch.inference_mode():
        expected = fdd(history).numpy()
    assert np.square(future - expected).sum() < 1e-3 * np.square(expected).sum()


def test_with_a_gap_it_goes_on_through_it():
    near, far = BandExtension(subcarriers=24), BandExtension(subcarriers=24, gap=5)
    seen = pair(samples(0, 1, 2, 3, 24))
    assert near(seen, seen).re.shape == far(seen, seen).re.shape == (1, 2, 3, 24)
    np.testing.assert_allclose(
        complex_of(near(seen, seen))[..., 5:], complex_of(far(seen, seen))[..., :-5], rtol=1e-4, atol=1e-4
    )


def nmse_db(predicted, future):
    return Energies.of(predicted, future).mean_db()


def test_the_classical_predictor_knows_the_other_band_of_plane_waves():
    history, future = paths(4)
    predicted = BandAr(RidgeAr(FDD, 4, 1e-6), 1e-4)(history)
    assert predicted.shape == future.shape
    assert nmse_db(predicted, future) < -20
    assert nmse_db(hold_last(history, FDD.future), future) > 0


def test_the_chosen_classical_predictor_is_no_worse_than_where_it_started():
    users = Users(*paths(2))
    chosen, start = choose_band_ar(users, FDD), BandAr(RidgeAr(FDD, 2, 1e-6))
    assert nmse_db(chosen(users.inputs), users.targets) <= nmse_db(start(users.inputs), users.targets)


def test_taps_are_a_share_of_the_band():
    assert [band_taps(subcarriers) for subcarriers in (48, 52, 24)] == [40, 43, 20]
