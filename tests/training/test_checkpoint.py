import os
import shutil

import pytest
import torch

from edgecsi.errors import ModelError
from edgecsi.files import old_name
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.models.folder import trained_state
from edgecsi.radio import ArrayGeometry, RadioSetting
from edgecsi.training.checkpoint import FILES, Progress, load_checkpoint, save_checkpoint

SMALL = RadioSetting(history=8, future=2, subcarriers=6, array=ArrayGeometry(columns=1, rows=1))


def start(seed):
    torch.manual_seed(seed)
    network = CsiAlmLight(SMALL)
    return network, torch.optim.AdamW(network.parameters())


def step(network, optimizer):
    csi = torch.randn(2, *SMALL.history_shape, 2, generator=torch.Generator().manual_seed(5))
    network(csi).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def weights(network):
    return {name: value.clone() for name, value in trained_state(network).items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())


@pytest.fixture
def saved(tmp_path):
    """A checkpoint after one step; returns the folder and what was trained."""
    network, optimizer = start(seed=0)
    best = weights(network)
    step(network, optimizer)
    progress = Progress("mine", 2, epoch=3, best_epoch=2, best_db=-4.5, log=[{"epoch": 1}])
    save_checkpoint(tmp_path / "checkpoint", progress, network, optimizer, best)
    return tmp_path / "checkpoint", progress, network, optimizer, best


def test_training_goes_on_as_if_it_had_not_stopped(saved):
    folder, progress, network, optimizer, best = saved
    other, other_optimizer = start(seed=1)
    restored, restored_best = load_checkpoint(folder, "mine", 2, other, other_optimizer)
    assert restored == progress
    assert same(restored_best, best)
    assert same(weights(other), weights(network))
    step(network, optimizer)
    step(other, other_optimizer)
    assert same(weights(other), weights(network))


def test_a_checkpoint_of_other_options_is_not_continued(saved):
    other, optimizer = start(seed=1)
    before = weights(other)
    assert load_checkpoint(saved[0], "yours", 2, other, optimizer) is None
    assert same(weights(other), before)


def test_another_number_of_processes_is_refused_with_both(saved):
    other, optimizer = start(seed=1)
    with pytest.raises(ModelError, match=r"ran in 2 processes, and 3 would .*: start 2 again, or remove .*"):
        load_checkpoint(saved[0], "mine", 3, other, optimizer)


def test_no_checkpoint(tmp_path):
    assert load_checkpoint(tmp_path / "none", "mine", 2, *start(seed=1)) is None


def _truncate(file):
    os.truncate(file, file.stat().st_size // 2)


def _flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [_truncate, _flip_a_bit, os.unlink])
@pytest.mark.parametrize("name", FILES)
def test_damage_is_noticed_and_nothing_of_it_used(saved, name, harm):
    harm(saved[0] / name)
    other, optimizer = start(seed=1)
    before = weights(other)
    assert load_checkpoint(saved[0], "mine", 2, other, optimizer) is None
    assert same(weights(other), before)
    assert not optimizer.state


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"progress": {}, "files": {}}', b"\xff"])
def test_damaged_progress_is_noticed(saved, content):
    (saved[0] / "progress.json").write_bytes(content)
    assert load_checkpoint(saved[0], "mine", 2, *start(seed=1)) is None


def test_killed_between_the_two_renames_of_a_checkpoint(saved):
    folder, progress, *_ = saved
    shutil.move(folder, old_name(folder))
    (folder.parent / f".{folder.name}.new.tmp").mkdir()  # what was about to take its place
    restored, _ = load_checkpoint(folder, "mine", 2, *start(seed=1))
    assert restored == progress
