import time
from collections.abc import Callable

import pytest

from edgecsi.training import TrainOptions
from edgecsi.training.batches import open_source


@pytest.fixture(scope="session")
def options() -> TrainOptions:
    """A short training of four users in two noise draws."""
    return TrainOptions(
        epochs=3,
        batch_users=8,
        learning_rate=3e-3,
        max_users=4,
        snr_db=(5.0, 20.0),
        noise_draws=2,
        seed=3,
    )


@pytest.fixture(scope="session")
def clean(options) -> TrainOptions:
    """The same without noise."""
    return options.model_copy(update={"snr_db": None, "noise_draws": 1})


@pytest.fixture
def source(tiny_dataset, options):
    """The batch source of the noisy data."""
    with open_source(tiny_dataset, options, options.batch_users) as source:
        yield source


@pytest.fixture(scope="session")
def run_until() -> Callable[..., None]:
    """Wait for a condition while a process runs; fail if it ends before."""

    def wait(process, happened):
        while not happened():
            assert process.poll() is None, "it ended before what was waited for"
            time.sleep(0.005)

    return wait
