import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecsi.tasks.noise import add_white_noise as add_noise


@pytest.fixture(scope="module")
def history():
    random = np.random.default_rng(0)
    scale = np.array([1e-7, 1.0, 5e-6, 1e4], np.float32)[:, None, None, None]
    parts = random.standard_normal((2, 4, 32, 16, 48), dtype=np.float32)
    return ((parts[0] + 1j * parts[1]) * scale).astype(np.complex64)


def snr_of(history, noisy):
    noise = noisy - history
    return 10 * np.log10((np.abs(history) ** 2).mean((1, 2, 3)) / (np.abs(noise) ** 2).mean((1, 2, 3)))


def test_snr_is_the_users_power_over_the_noise_variance(history):
    noisy = add_noise(history, np.arange(4), 15.0, seed=0)
    assert noisy.dtype == np.complex64
    np.testing.assert_allclose(snr_of(history, noisy), 15.0, atol=0.1)


def test_noise_is_circular_and_white(history):
    noise = add_noise(history, np.arange(4), 0.0, seed=0)[1] - history[1]
    assert abs(np.mean(noise**2)) < 0.03 * np.mean(np.abs(noise) ** 2)
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1].conj())) < 0.03 * np.mean(np.abs(noise) ** 2)


def test_a_range_gives_every_user_an_snr_of_its_own(history):
    many = np.repeat(history[1:2], 50, axis=0)
    snrs = snr_of(many, add_noise(many, np.arange(50), (5.0, 20.0), seed=0))
    assert snrs.min() > 4.8
    assert snrs.max() < 20.2
    assert np.ptp(snrs) > 10


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(range(4)), draw=st.integers(0, 2**40), seed=st.integers(0, 2**63))
def test_noise_depends_on_seed_user_and_draw_only(history, order, draw, seed):
    order, users = np.array(order), np.array([7, 3, 900, 2**33])
    together = add_noise(history, users, (5.0, 20.0), seed, draw)
    apart = add_noise(history[order], users[order], (5.0, 20.0), seed, draw)
    np.testing.assert_array_equal(together[order], apart)


@pytest.mark.parametrize("other", [{"seed": 1}, {"draw": 1}, {"users": np.array([9])}])
def test_another_seed_draw_or_user_has_other_noise(history, other):
    user = history[1:2]
    arguments = {"users": np.array([0]), "snr_db": 10.0, "seed": 0, "draw": 0}
    first, second = (add_noise(user, **chosen) - user for chosen in (arguments, {**arguments, **other}))
    assert abs(np.vdot(first, second)) < 0.05 * np.linalg.norm(first) * np.linalg.norm(second)


def test_the_input_is_left_alone(history):
    before = history.copy()
    add_noise(history, np.arange(4), 10.0, seed=0)
    np.testing.assert_array_equal(history, before)


def test_an_empty_batch(history):
    assert add_noise(history[:0], np.arange(0), 10.0, seed=0).shape == (0, 32, 16, 48)
