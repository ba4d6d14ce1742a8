import json
from dataclasses import replace

import pytest
import torch

from edgecsi.errors import ModelError
from edgecsi.models import build_network
from edgecsi.models.folder import load_trained_state
from edgecsi.training import NetworkChoice
from edgecsi.training.evaluation import evaluate, network_predictor
from edgecsi.training.loop import autocast, fit
from edgecsi.training.loss import NmseLoss, over_users
from edgecsi.training.train import new_config


def network_of(source, name, backbone=None):
    torch.manual_seed(0)
    return build_network(new_config(NetworkChoice(network=name, backbone=backbone), source.dataset.radio))


@pytest.fixture
def student(source):
    return network_of(source, "csi-alm-light")


@pytest.fixture
def train(student, source, options, tmp_path):
    """Train the student; returns best weights and log."""

    def run(**changes):
        changed = options.model_copy(update=changes)
        return fit("student", NmseLoss(student, "nmse"), student, source, changed, tmp_path / "run", "")

    return run


def test_loss_and_validation_go_down(train):
    _, log = train(epochs=6)
    assert log[-1]["loss"] < 0.9 * log[0]["loss"]
    assert log[-1]["validation_nmse_mean_db"] < log[0]["validation_nmse_mean_db"]


def test_the_teachers_loss_goes_down(source, options, tmp_path):
    teacher = network_of(source, "csi-alm", "random")
    _, log = fit("teacher", NmseLoss(teacher, "nmse"), teacher, source, options, tmp_path / "run", "")
    assert log[-1]["loss"] < log[0]["loss"]
    assert {"loss", "nmse", "alignment"} <= set(log[0])
    assert log[0]["loss"] == pytest.approx(log[0]["nmse"] - 0.01 * log[0]["alignment"])


def test_every_epoch_is_in_the_log_file(train, tmp_path):
    _, log = train()
    assert json.loads((tmp_path / "run" / "log.json").read_text()) == log
    assert [row["epoch"] for row in log] == [1, 2, 3]
    assert all(row["steps"] == 2 for row in log)


def test_validation_is_the_nmse_of_the_evaluation(train, student, source):
    best, log = train(epochs=1)
    load_trained_state(student, best)
    predict = network_predictor(student, source.task)
    report = evaluate(predict, source.dataset, source.validation, source.augmentation)
    assert log[0]["validation_nmse_mean_db"] == pytest.approx(report.mean_db, abs=1e-4)


def test_the_best_weights_by_validation_are_kept(train, student, source):
    best, log = train(epochs=12, learning_rate=3e-2)
    values = [row["validation_nmse_mean_db"] for row in log]
    assert min(values) < values[-1], "the last epoch must not be the best, or this shows nothing"
    load_trained_state(student, best)
    predict = network_predictor(student, source.task)
    report = evaluate(predict, source.dataset, source.validation, source.augmentation)
    assert report.mean_db == pytest.approx(min(values), abs=1e-4)


def test_it_stops_when_validation_gets_no_better(train):
    _, log = train(epochs=40, learning_rate=3e-2, patience=2)
    values = [row["validation_nmse_mean_db"] for row in log]
    best = values.index(min(values))
    assert len(log) == best + 1 + 2 < 40


def test_divergence_is_told_in_one_line(train):
    with pytest.raises(ModelError, match=r"student: training diverged: .*; lower --learning-rate") as caught:
        train(learning_rate=1e6)
    assert "\n" not in str(caught.value)
    assert "1e+06" in str(caught.value)


class Breaking(NmseLoss):
    """A finite loss whose gradient is NaN, as of a square root at zero."""

    def forward(self, batch):
        parts, weight = super().forward(batch), self.network.to_future.bias
        return {**parts, "loss": parts["loss"] + (weight - weight.detach()).abs().sum().sqrt()}


def test_weights_that_became_nan_at_the_last_step_are_told(student, source, options, tmp_path):
    one_step = replace(source, batch_users=100)
    with pytest.raises(ModelError, match="training diverged: the validation NMSE is nan"):
        fit("student", Breaking(student, "nmse"), student, one_step, options, tmp_path / "run", "")
    assert not (tmp_path / "run").exists()


def test_bf16_trains_in_single_precision_parameters(train, student):
    best, log = train(precision="bf16", epochs=1)
    assert {value.dtype for value in best.values()} == {torch.float32}
    assert log[0]["loss"] < 2


def test_auto_precision_leaves_small_networks_on_a_cpu_in_fp32(student):
    with autocast(student, "auto"):
        assert not torch.is_autocast_enabled("cpu")
    with autocast(student, "bf16"):
        assert torch.is_autocast_enabled("cpu")


def test_the_log_objective_counts_a_decibel_alike_for_every_user():
    nmse = torch.tensor([1e-3, 0.5])
    before = over_users(nmse, "log-nmse")
    for user in (0, 1):
        better = nmse.clone()
        better[user] /= 2
        assert (before - over_users(better, "log-nmse")).item() == pytest.approx(0.15, abs=0.003)
    assert over_users(nmse, "nmse").item() == pytest.approx(0.2505)
