"""Users are drawn evenly over groups and power."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.calib.strata import POWER_STRATA, balanced_levels, stratified_order


def population(users, speeds, seed):
    random = np.random.default_rng(seed)
    return np.array([f"{speed:g}" for speed in random.choice(speeds, users)]), random.exponential(size=users)


@given(st.integers(20, 200), st.integers(1, 6), st.integers(0, 9), st.integers(1, 200))
def test_every_beginning_of_the_order_is_spread_over_the_speeds(users, rows, seed, count):
    speed, power = population(users, 10.0 * np.arange(1, rows + 1), seed)
    order, _ = stratified_order(speed, power, seed)
    assert sorted(order) == list(range(users))
    drawn, everyone = speed[order[:count]].tolist(), speed.tolist()
    for label in set(everyone):
        fair = count // len(set(everyone))
        assert drawn.count(label) >= min(fair, everyone.count(label))


def test_the_users_of_a_speed_are_spread_over_power():
    speed, power = population(300, [10.0, 50.0], 0)
    order, _ = stratified_order(speed, power, 0)
    third = np.argsort(np.argsort(power)) * POWER_STRATA // len(power)
    for value in ("10", "50"):
        chosen = [third[user] for user in order[:60] if speed[user] == value]
        counts = np.bincount(chosen, minlength=POWER_STRATA)
        assert counts.max() - counts.min() <= 1


def test_another_seed_is_another_order():
    speed, power = population(50, [10.0, 50.0], 0)
    first, second = (stratified_order(speed, power, seed)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


@given(st.integers(1, 5))
def test_every_speed_gets_every_level_of_snr(levels):
    count = levels * POWER_STRATA
    found = np.bincount(balanced_levels(np.arange(count), levels), minlength=levels)
    assert found.max() - found.min() <= 1
