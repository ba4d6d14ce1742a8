import time
from collections.abc import Callable

import pytest

from edgecsi.training import Augmentation, TrainOptions
from edgecsi.training.stage import TrainingData


@pytest.fixture(scope="session")
def clean(tiny_dataset) -> TrainingData:
    """Four training users without noise."""
    return TrainingData(tiny_dataset, max_users=4)


@pytest.fixture(scope="session")
def noisy(tiny_dataset) -> TrainingData:
    """Four training users in two noise draws."""
    return TrainingData(tiny_dataset, max_users=4, augmentation=Augmentation((5.0, 20.0), draws=2, seed=3))


@pytest.fixture(scope="session")
def options() -> TrainOptions:
    """A short training."""
    return TrainOptions(epochs=3, batch_users=8, batch_antennas=8, learning_rate=3e-3)


@pytest.fixture
def source(noisy, options):
    """The batch source of the noisy data."""
    with noisy.open(options.batch_users, options.batch_antennas) as source:
        yield source


@pytest.fixture(scope="session")
def run_until() -> Callable[..., None]:
    """Wait for a condition while a process runs; fail if it ends before."""

    def wait(process, happened):
        while not happened():
            assert process.poll() is None, "it ended before what was waited for"
            time.sleep(0.005)

    return wait
