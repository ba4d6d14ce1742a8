import numpy as np
import pytest
import torch

from edgecsi.channel import Dataset
from edgecsi.metrics import nmse_report, user_energies
from edgecsi.models.baselines import hold_last
from edgecsi.models.csi_alm_light import CsiAlmLight
from edgecsi.training import Augmentation
from edgecsi.training.evaluation import Remembering, evaluate, network_predictor

USERS = np.array([1, 4, 5, 20])


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
    with Dataset.open(tiny_dataset) as dataset:
        yield dataset


def test_streamed_in_pieces_it_is_the_report_of_the_whole(dataset):
    whole = nmse_report(
        *user_energies(hold_last(dataset.history(USERS), 4), dataset.future(USERS)), dataset.speed_kmh[USERS]
    )
    assert evaluate(lambda history: hold_last(history, 4), dataset, USERS, batch_users=3) == whole


def test_a_perfect_predictor_is_perfect_on_noisy_histories(dataset):
    """The truth stays clean: a predictor that returns it has no error at any SNR."""
    futures = iter([dataset.future(USERS)])
    report = evaluate(lambda history: next(futures), dataset, USERS, Augmentation(0.0))
    assert report.nmse_mean_db == -200


def test_noise_makes_hold_last_worse_by_the_noise(dataset):
    def error(augmentation):
        report = evaluate(lambda history: hold_last(history, 4), dataset, USERS, augmentation)
        return 10 ** (report.nmse_mean_db / 10)

    # Noise at 0 dB adds its own power, that of the history, to the error: about once the power of the future.
    assert error(Augmentation(0.0)) - error(None) == pytest.approx(1, abs=0.15)


def test_a_network_as_a_predictor_of_complex_arrays(dataset):
    torch.manual_seed(0)
    network = CsiAlmLight(dataset.shape).eval()
    predict = network_predictor(network)
    future = predict(dataset.history(USERS))
    assert future.dtype == np.complex64
    assert future.shape == (4, 32, 4, 48)


def test_predictions_are_remembered_while_they_are_judged(dataset):
    remembering = Remembering(lambda history: hold_last(history, 4))
    evaluate(remembering, dataset, USERS, batch_users=3)
    np.testing.assert_array_equal(remembering.predictions, hold_last(dataset.history(USERS), 4))
