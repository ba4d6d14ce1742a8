import math

import numpy as np
import pytest

from edgecsi.latency.inputs import POOL_BYTES, make_pool, pool_size
from edgecsi.radio import RadioSetting
from edgecsi.tasks import TASKS, Task, Tensor
from edgecsi.users import Users

RADIO = RadioSetting(history=6, future=2, subcarriers=8)
CSI = TASKS.get("csi")
REAL = Task(
    name="toy",
    summary="a real number per layer and subcarrier",
    input=Tensor("seen", ("layer", "subcarrier"), lambda radio: (2, radio.subcarriers), np.float32, "dB"),
    target=Tensor("ahead", ("subcarrier",), lambda radio: (radio.subcarriers,), np.float32, "dB"),
    step_axis=None,
    groupings=(),
    draw_inputs=lambda rng, radio, users: rng.standard_normal((users, 2, radio.subcarriers), np.float32),
    vary=lambda rng, users: rng.uniform(0.5, 2.0, users),
)


def golden(task, users=3):
    """Users whose last step or layer is what is to be predicted, and some noise."""
    rng = np.random.default_rng(5)
    inputs = task.draw_inputs(rng, RADIO, users)
    truth = inputs[:, :, -RADIO.future :] if task is CSI else inputs[:, -1]
    noise = truth * rng.uniform(0.9, 1.1, truth.shape)
    return Users(inputs, noise.astype(task.target.dtype), {"speed_kmh": np.full(users, 30.0)})


CASES = [(task, known) for task in (CSI, REAL) for known in (None, golden(task))]


@pytest.mark.parametrize(("task", "known"), CASES)
def test_the_same_seed_gives_the_same_inputs_and_another_gives_others(task, known):
    first, same, other = (make_pool(task, RADIO, 2, 3, seed, known) for seed in (1, 1, 2))
    assert all(np.array_equal(a.inputs, b.inputs) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first[0].inputs, other[0].inputs)


@pytest.mark.parametrize(("task", "known"), CASES)
def test_no_two_inputs_of_a_pool_are_alike(task, known):
    pool = make_pool(task, RADIO, 2, 8, 0, known)
    assert len({users.inputs.tobytes() for users in pool}) == 8
    for users in pool:
        assert users.inputs.dtype == task.input.dtype
        assert users.inputs.shape == (2, *task.input.dims(RADIO))


@pytest.mark.parametrize("task", [CSI, REAL])
def test_truths_are_varied_as_their_inputs_are(task):
    """A linear predictor has on varied golden users the error that it has on the golden users."""
    known = golden(task, users=1)

    def error(users):
        guess = users.inputs[:, :, -RADIO.future :] if task is CSI else users.inputs[:, -1]
        return task.energies(guess, users.targets).mean_db()

    for users in make_pool(task, RADIO, 1, 4, 0, known):
        assert users.targets.dtype == task.target.dtype
        assert error(users) == pytest.approx(error(known), abs=1e-3)


def test_nobody_knows_the_truth_of_seeded_inputs():
    assert [len(users.targets) for users in make_pool(CSI, RADIO, 2, 3, 0, None)] == [0, 0, 0]


@pytest.mark.parametrize(("task", "bytes_each"), [(CSI, 8), (REAL, 4)])
def test_a_pool_of_many_users_stays_within_memory(task, bytes_each):
    user = bytes_each * math.prod(task.input.dims(RADIO))
    users = POOL_BYTES // user // 3
    assert pool_size(task, RADIO, users, 1e-6) == 3


def test_a_slow_engine_gets_a_small_pool():
    assert pool_size(CSI, RADIO, 1, 2.0) == 1
