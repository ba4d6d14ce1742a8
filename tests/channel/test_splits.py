from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.channel import Dataset, split
from edgecsi.errors import DataError


def of_drops(drops, test_share=None):
    origin = SimpleNamespace(test_share=test_share)
    return SimpleNamespace(drop=np.array(drops, np.int64), path="made.h5", origin=origin)


@given(
    drops=st.lists(st.integers(0, 30), min_size=12, max_size=80).filter(lambda d: len(set(d)) >= 5),
    seed=st.integers(0, 2**32),
)
def test_every_user_in_one_part_and_no_drop_in_two(drops, seed):
    ds = of_drops(drops)
    parts = split(ds, seed=seed)
    users = np.concatenate([parts.train, parts.val, parts.test])
    assert sorted(users) == list(range(len(drops)))
    of_part = [set(ds.drop[part]) for part in (parts.train, parts.val, parts.test)]
    assert all(of_part)
    assert sum(map(len, of_part)) == len(set(drops))


def test_fractions_are_of_the_drops():
    parts = split(of_drops(np.arange(100)), (0.7, 0.2, 0.1))
    assert (len(parts.train), len(parts.val), len(parts.test)) == (70, 20, 10)


def test_the_dataset_says_how_many_test():
    parts = split(of_drops(np.arange(100), test_share=0.8))
    assert (len(parts.train), len(parts.val), len(parts.test)) == (10, 10, 80)


def test_fractions_below_one_leave_users_out():
    parts = split(of_drops(np.arange(100)), (0.1, 0.1, 0.1))
    assert (len(parts.train), len(parts.val), len(parts.test)) == (10, 10, 10)


def test_sorted_and_the_same_for_the_same_seed(tiny_dataset):
    with Dataset.open(tiny_dataset) as ds:
        one, same, other = split(ds, seed=1), split(ds, seed=1), split(ds, seed=2)
    np.testing.assert_array_equal(one.train, same.train)
    assert (np.diff(one.train) > 0).all()
    assert one.train.dtype == np.int64
    assert not np.array_equal(one.train, other.train)


def test_too_few_drops():
    with pytest.raises(DataError, match="2 drops"):
        split(of_drops([0, 0, 1, 1]))


@pytest.mark.parametrize("fractions", [(0.9, 0.2, 0.1), (1.0, 0.0, 0.0), (-0.1, 0.5, 0.5)])
def test_impossible_fractions(fractions):
    with pytest.raises(DataError, match="fractions"):
        split(of_drops(range(10)), fractions)
