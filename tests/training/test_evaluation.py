import numpy as np
import pytest
import torch

from edgecsi.channel import Dataset
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.training import Augmentation
from edgecsi.training.evaluation import Remembering, evaluate, network_predictor

USERS = np.array([1, 4, 5, 20])


def hold_last(history):
    """complex64 [user, antenna, T, K] -> [user, antenna, 4, K]: what was there last."""
    return np.repeat(history[:, :, -1:], 4, axis=2)


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
    with Dataset.open(tiny_dataset) as dataset:
        yield dataset


def test_streamed_in_pieces_it_is_the_report_of_the_whole(dataset):
    users = dataset.users(USERS)
    whole = dataset.task.report(hold_last(users.inputs), users)
    assert evaluate(hold_last, dataset, USERS, batch_users=3) == whole
    assert len(whole.steps_db) == 4


def test_a_perfect_predictor_is_perfect_on_noisy_histories(dataset):
    """The truth stays clean: a predictor that returns it has no error at any SNR."""
    futures = iter([dataset.future(USERS)])
    report = evaluate(lambda history: next(futures), dataset, USERS, Augmentation(0.0))
    assert report.mean_db == -200


def test_noise_makes_hold_last_worse_by_the_noise(dataset):
    def error(augmentation):
        report = evaluate(hold_last, dataset, USERS, augmentation)
        return 10 ** (report.mean_db / 10)

    # Noise at 0 dB adds its own power, that of the history, to the error: about once the power of the future.
    assert error(Augmentation(0.0)) - error(None) == pytest.approx(1, abs=0.15)


def test_a_network_as_a_predictor_of_complex_arrays(dataset):
    torch.manual_seed(0)
    network = CsiAlmLight(dataset.radio).eval()
    predict = network_predictor(network, dataset.task)
    future = predict(dataset.history(USERS))
    assert future.dtype == np.complex64
    assert future.shape == (4, 32, 4, 48)


def test_predictions_are_remembered_while_they_are_judged(dataset):
    remembering = Remembering(hold_last)
    evaluate(remembering, dataset, USERS, batch_users=3)
    np.testing.assert_array_equal(remembering.predictions, hold_last(dataset.history(USERS)))
