import os
import signal
import threading
import time

import pytest
from engines import Broken, Crashing, Drifting, HoldLast

from edgecsi.errors import UnavailableError
from edgecsi.latency.report_schema import Setting
from edgecsi.latency.worker import Job, Worker

PAUSE_SECONDS = 0.3


def job(subject, cpus=None):
    return Job(subject, Setting(users=2, threads=1, cpus=cpus), seed=0, golden=None, realtime=False)


@pytest.fixture
def paused():
    """Runs a measurement while its process is stopped for PAUSE_SECONDS."""

    def run(worker, measurement):
        def stop_and_continue():
            time.sleep(0.2)
            os.kill(worker.pid, signal.SIGSTOP)
            time.sleep(PAUSE_SECONDS)
            os.kill(worker.pid, signal.SIGCONT)

        thread = threading.Thread(target=stop_and_continue)
        thread.start()
        times = measurement()
        thread.join()
        return times / 1e9

    return run


def test_a_pause_of_the_process_shows_in_every_call_that_was_due(paused):
    with Worker(job(HoldLast(service=1e-4))) as worker:
        worker.wait_ready()
        latencies = paused(worker, lambda: worker.paced(period_ns=1_000_000, calls=1000))
    due_in_the_pause = PAUSE_SECONDS / 1e-3
    assert latencies.max() >= 0.9 * PAUSE_SECONDS
    assert (latencies > PAUSE_SECONDS / 10).sum() >= 0.8 * due_in_the_pause


def test_the_same_pause_is_one_call_when_back_to_back(paused):
    """What coordinated omission hides: why the paced mode exists."""
    with Worker(job(HoldLast(service=1e-4))) as worker:
        worker.wait_ready()
        times = paused(worker, lambda: worker.back_to_back(seconds=0.8))
    assert (times > 0.9 * PAUSE_SECONDS).sum() <= 1


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (Broken(), "NaN or infinity"),
        (Drifting(), "differs"),
        (Crashing(), f"status -{int(signal.SIGABRT)}"),
    ],
)
def test_an_engine_that_fails_says_why(subject, reason):
    with Worker(job(subject)) as worker, pytest.raises(UnavailableError, match=reason):
        wait_and_call(worker)


def wait_and_call(worker):
    worker.wait_ready()
    worker.back_to_back(seconds=0.5)


def test_a_pinned_process_stays_on_its_cpu():
    cpu = sorted(os.sched_getaffinity(0))[-1]
    with Worker(job(HoldLast(), cpus=(cpu,))) as worker:
        worker.wait_ready()
        assert os.sched_getaffinity(worker.pid) == {cpu}


def test_no_process_is_left_behind():
    with Worker(job(HoldLast())) as worker:
        worker.wait_ready()
        pid = worker.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
