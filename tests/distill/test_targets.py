import numpy as np
import pytest
import torch
from torch import nn

from edgecsi.distill.targets import Targets, write_targets
from edgecsi.errors import ModelError
from edgecsi.models import load
from edgecsi.models.csi_alm import last_projections
from edgecsi.training.batches import open_source

PARTS = ("query", "key", "value")


@pytest.fixture(scope="module")
def target_file(tiny_dataset, options, teacher, tmp_path_factory):
    path = tmp_path_factory.mktemp("targets") / "targets.h5"
    with open_source(tiny_dataset, options, 8) as source:
        write_targets(path, teacher, source, key="these")
    return path


def live(teacher, batch):
    with torch.inference_mode():
        return teacher.predict(batch.inputs, relations=True).relations


def distance(one, other):
    """Largest difference of any part, relative to that part's largest value."""
    parts = [(getattr(one, part).float(), getattr(other, part)) for part in PARTS]
    return max(((a - b).abs().max() / b.abs().max()).item() for a, b in parts)


@pytest.mark.parametrize("epoch", [0, 1])
def test_cached_targets_are_what_the_live_teacher_says(target_file, teacher, open_noisy, epoch):
    with open_noisy() as source, Targets(target_file) as targets:
        batches = list(source.training_batches(epoch, 0, 1))
        assert len(batches) == 2
        for batch in batches:
            cached = targets.relations(batch)
            assert cached.prompts == 4
            assert cached.query.dtype == torch.float16
            assert cached.query.shape == (len(batch.users) * 8, 20, 64)
            assert distance(cached, live(teacher, batch)) < 1e-3


def test_teacher_and_student_see_the_same_noise(target_file, teacher, open_noisy):
    with open_noisy() as source, Targets(target_file) as targets:
        users, groups = source.train[:3], np.array([0, 2, 1])
        first, second = (source.batch(users, groups, draw) for draw in (0, 1))
        assert distance(targets.relations(first), live(teacher, first)) < 1e-3
        assert distance(targets.relations(first), live(teacher, second)) > 1e-2


def test_order_of_the_users_does_not_matter(target_file, open_noisy):
    with open_noisy() as source, Targets(target_file) as targets:
        users, groups = source.train[[2, 0, 3]], np.array([1, 1, 0])
        there = targets.relations(source.batch(users, groups, 1))
        back = targets.relations(source.batch(users[::-1], groups[::-1], 1))
        for part in PARTS:
            rows = getattr(there, part).unflatten(0, (3, 8))
            assert torch.equal(getattr(back, part).unflatten(0, (3, 8)), rows.flip(0))


def test_widths_and_key_are_told(target_file):
    with Targets(target_file) as targets:
        assert targets.widths == {"query": 64, "key": 32, "value": 32}
        assert targets.key == "these"


@pytest.mark.parametrize(
    "change", [{"max_users": 3}, {"noise_draws": 1}, {"batch_antennas": 16}, {"seed": 4}, {"snr_db": 9.0}]
)
def test_targets_for_other_users_draws_or_rows_are_refused(target_file, tiny_dataset, options, change):
    other = options.model_copy(update=change)
    with (
        open_source(tiny_dataset, other, 8) as source,
        Targets(target_file) as targets,
        pytest.raises(ModelError, match=r"targets for 4 users in 4 row groups with .* make them again"),
    ):
        targets.check(source)


class Failing(nn.Module):
    """A teacher on a machine that gives up at the third batch."""

    def __init__(self, network):
        super().__init__()
        self.network, self.batches = network, 0

    def predict(self, csi, relations):
        self.batches += 1
        if self.batches == 3:
            raise OSError("no space left")
        return self.network.predict(csi, relations)


def test_a_failure_while_writing_leaves_nothing(teacher, open_noisy, tmp_path):
    with open_noisy() as source, pytest.raises(OSError, match="no space left"):
        write_targets(tmp_path / "targets.h5", Failing(teacher), source, key="these")
    assert not list(tmp_path.iterdir())


def test_values_beyond_half_precision_are_told(teacher_folder, open_noisy, tmp_path):
    teacher = load(teacher_folder)
    with torch.no_grad():
        last_projections(teacher.llm)[1].base_layer.weight.mul_(1e8)
    with open_noisy() as source, pytest.raises(ModelError, match=r"teacher's key of user \d+ .* FP16"):
        write_targets(tmp_path / "targets.h5", teacher, source, key="these")
    assert not list(tmp_path.iterdir())
