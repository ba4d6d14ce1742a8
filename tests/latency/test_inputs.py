import numpy as np
import pytest
import tiny_bundle

from edgecsi.latency.inputs import POOL_BYTES, make_pool, pool_size
from edgecsi.metrics import nmse_mean_db, user_energies

SHAPE = tiny_bundle.SHAPE


@pytest.mark.parametrize("golden", [None, tiny_bundle.golden()])
def test_the_same_seed_gives_the_same_inputs_and_another_gives_others(golden):
    first, same, other = (make_pool(SHAPE, 2, 3, seed, golden).histories for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("golden", [None, tiny_bundle.golden()])
def test_no_two_inputs_of_a_pool_are_alike(golden):
    histories = make_pool(SHAPE, 2, 8, 0, golden).histories
    assert len({history.tobytes() for history in histories}) == 8
    assert all(
        history.dtype == np.complex64 and history.shape == (2, *SHAPE.history_shape) for history in histories
    )


def test_truths_turn_with_their_histories():
    """A linear predictor has on turned golden users the error that it has on the golden users."""
    golden = tiny_bundle.golden(users=1)
    pool = make_pool(SHAPE, 1, 4, 0, golden)
    error = nmse_mean_db(*user_energies(golden.history[:, :, -2:], golden.truth))
    for history, future in zip(pool.histories, pool.futures, strict=True):
        assert nmse_mean_db(*user_energies(history[:, :, -2:], future)) == pytest.approx(error, abs=1e-3)


def test_a_pool_of_many_users_stays_within_memory():
    calls = pool_size(SHAPE, 10_000, 1e-6)
    assert calls * 10_000 * 8 * np.prod(SHAPE.history_shape) <= POOL_BYTES


def test_a_slow_engine_gets_a_small_pool():
    assert pool_size(SHAPE, 1, 2.0) == 1
