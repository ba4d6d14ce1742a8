from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecsi.channel import Dataset, split
from edgecsi.errors import DataError, ModelError
from edgecsi.interleaved import to_interleaved
from edgecsi.tasks import TASKS
from edgecsi.training import Augmentation
from edgecsi.training.batches import BatchSource, open_source
from edgecsi.training.options import ExampleOptions

BUILD = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
    with Dataset.open(tiny_dataset) as dataset:
        yield dataset


def units(batches):
    return [
        unit for batch in batches for unit in zip(batch.users.tolist(), batch.groups.tolist(), strict=True)
    ]


@BUILD
@given(
    users=st.integers(1, 5),
    batch_users=st.integers(1, 9),
    batch_rows=st.sampled_from([8, 16, 32]),
    processes=st.integers(1, 3),
    epoch=st.integers(0, 5),
)
def test_an_epoch_sees_every_row_once(dataset, users, batch_users, batch_rows, processes, epoch):
    source = BatchSource(dataset, np.arange(users), np.arange(2), batch_users, batch_rows, Augmentation())
    shares = [list(source.training_batches(epoch, rank, processes)) for rank in range(processes)]
    assert {len(share) for share in shares} == {source.steps(processes)}
    batches = [batch for share in shares for batch in share]
    assert all(1 <= len(batch.users) <= batch_users for batch in batches)
    every = [(user, group) for user in range(users) for group in range(32 // batch_rows)]
    seen = units(batches)
    if source.steps(processes) * processes <= len(every):
        assert sorted(seen) == every
    else:  # too few rows to give every process its own
        assert set(seen) == set(every)


def test_antenna_groups_of_a_user_are_all_its_antennas(dataset):
    source = BatchSource(dataset, np.array([5]), np.array([0]), 4, 8, Augmentation())
    (batch,) = source.training_batches(0, 0, 1)
    whole = to_interleaved(dataset.history(np.array([5])))[0]
    rebuilt = np.empty_like(whole)
    for group, rows in zip(batch.groups, batch.inputs, strict=True):
        rebuilt[group::4] = rows
    np.testing.assert_array_equal(rebuilt, whole)


def test_history_and_future_belong_together(source):
    batch = next(replace(source, augmentation=Augmentation()).training_batches(0, 0, 1))
    dataset = source.dataset
    for user, group, history, future in zip(
        batch.users, batch.groups, batch.inputs, batch.targets, strict=True
    ):
        np.testing.assert_array_equal(history, to_interleaved(dataset.history(np.array([user]))[0, group::4]))
        np.testing.assert_array_equal(future, to_interleaved(dataset.future(np.array([user]))[0, group::4]))


def test_noise_on_the_history_never_on_the_target(source):
    clean = replace(source, augmentation=Augmentation())
    users, groups = source.train[:2], np.array([0, 3])
    noisy, plain = source.batch(users, groups, 1), clean.batch(users, groups, 0)
    assert torch.equal(noisy.targets, plain.targets)
    noise = (noisy.inputs - plain.inputs).square().sum((1, 2, 3, 4))
    ratio_db = 10 * torch.log10(plain.inputs.square().sum((1, 2, 3, 4)) / noise)
    assert ((ratio_db > 2) & (ratio_db < 23)).all()  # 5 to 20 dB over all antennas of the user


def test_the_noise_of_a_user_does_not_depend_on_the_batch(source):
    both = source.batch(source.train[:2], np.array([0, 3]), 1)
    alone = source.batch(source.train[1:2], np.array([3]), 1)
    assert torch.equal(both.inputs[1:], alone.inputs)


def test_epochs_take_the_draws_in_turn(source):
    draws = [next(source.training_batches(epoch, 0, 1)).draw for epoch in range(4)]
    assert draws == [0, 1, 0, 1]


def test_epochs_are_shuffled_differently_but_reproducibly(source):
    first, again, second = (units(source.training_batches(epoch, 0, 1)) for epoch in (0, 0, 1))
    assert first == again != second
    assert sorted(first) == sorted(second)


def test_processes_share_the_validation_users(source):
    def users(rank, processes):
        return [history for batch, _ in source.validation_batches(rank, processes) for history in batch]

    whole, first, second = users(0, 1), users(0, 2), users(1, 2)
    assert len(whole) == len(source.validation)
    assert all(torch.equal(a, b) for a, b in zip(whole[0::2], first, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole[1::2], second, strict=True))


def test_no_user_trains_and_tests(tiny_dataset):
    with open_source(tiny_dataset, ExampleOptions(), 8) as source:
        users = split(source.dataset)
        trained = {user for user, _ in units(source.training_batches(0, 0, 1))}
        assert trained == set(users.train)
        assert set(source.validation) == set(users.val)
        assert not trained & (set(users.test) | set(users.val))
        drops = source.dataset.drop
        assert not set(drops[sorted(trained)]) & set(drops[users.test])


def test_at_most_so_many_users(tiny_dataset):
    with open_source(tiny_dataset, ExampleOptions(max_users=3), 8) as source:
        assert len(source.train) == 3
        assert set(source.train) <= set(split(source.dataset).train)


def test_antennas_that_do_not_divide_are_told(tiny_dataset):
    with pytest.raises(ModelError, match="--batch-antennas 5 must divide the 32 antennas"):  # noqa: SIM117
        with open_source(tiny_dataset, ExampleOptions(batch_antennas=5), 8):
            pass


@pytest.mark.parametrize(("asked", "whole", "rows"), [(64, False, 32), (16, False, 16), (8, True, 32)])
def test_rows_of_a_batch(tiny_dataset, asked, whole, rows):
    options = ExampleOptions(batch_antennas=asked)
    with open_source(tiny_dataset, options, 8, whole_users=whole) as source:
        assert source.batch_rows == rows
        assert next(source.training_batches(0, 0, 1)).inputs.shape[1:] == (rows, 16, 48, 2)


class Lent:
    """A dataset of which another task is said."""

    def __init__(self, dataset, task):
        self.dataset, self.task, self.radio = dataset, task, dataset.radio

    def history(self, users):
        return self.task.input.from_engine(self._engine(self.dataset.history(users)))

    def future(self, users):
        return self.task.target.from_engine(self._engine(self.dataset.future(users)))

    def _engine(self, values):
        return self.dataset.task.input.to_engine(values)


CSI = TASKS.get("csi")
WHOLE = replace(CSI, name="whole", row_axis=None)
CUT_LATER = replace(CSI, name="by subcarrier", row_axis="subcarrier")


def test_a_task_without_a_row_axis_keeps_users_whole(dataset):
    source = BatchSource(Lent(dataset, WHOLE), np.arange(4), np.arange(2), 4, 1, Augmentation())
    (batch,) = source.training_batches(0, 0, 1)
    assert source.group_count == 1
    np.testing.assert_array_equal(batch.inputs, to_interleaved(dataset.history(batch.users)))
    np.testing.assert_array_equal(batch.targets, to_interleaved(dataset.future(batch.users)))


def test_rows_may_lie_along_any_axis(dataset):
    source = BatchSource(Lent(dataset, CUT_LATER), np.array([3]), np.array([0]), 4, 12, Augmentation())
    (batch,) = source.training_batches(0, 0, 1)
    assert batch.inputs.shape == (4, 32, 16, 12, 2)
    whole = to_interleaved(dataset.history(np.array([3])))[0]
    for group, rows in zip(batch.groups, batch.inputs, strict=True):
        np.testing.assert_array_equal(rows, whole[:, :, group::4])


def test_noise_is_refused_where_the_task_has_none():
    silent = replace(CSI, name="silent", add_noise=None)
    with pytest.raises(DataError, match="--snr-db: task silent has no noise to add; leave it out"):
        Augmentation((5.0, 20.0))(silent, np.ones((1, 2), np.float32), np.array([0]))
    assert Augmentation()(silent, np.ones((1, 2), np.float32), np.array([0])).all()


def test_a_share_of_the_histories_stays_clean(tiny_dataset):
    with Dataset.open(tiny_dataset) as dataset:
        users = np.arange(4)
        history = dataset.history(users)
        noisy = Augmentation((5.0, 20.0), draws=50, seed=1, clean_share=0.3)
        clean = [
            (noisy(dataset.task, history, users, draw) == history).all(axis=(1, 2, 3)) for draw in range(50)
        ]
    assert 0.2 < np.mean(clean) < 0.4  # of 200
