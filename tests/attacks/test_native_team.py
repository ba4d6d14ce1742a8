"""The kernels' threads: no wait without an end, whatever class the caller has, and lengths that C checks."""

import os
import threading

import native_bundle
import numpy as np
import pytest
from processes import run
from tiny_bundle import RADIO, channels

import edgecsi
from edgecsi.errors import BundleError, EdgeCsiError
from edgecsi.runtime.engines import native

REASON = native.why_not_run("fp32")
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def may_be_real_time():
    """Whether this process may be SCHED_FIFO: a thread of its own tries."""
    found = []

    def attempt():
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            found.append(True)
        except (OSError, AttributeError):
            found.append(False)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return found[0]


needs_fifo = pytest.mark.skipif(not may_be_real_time(), reason="no right to SCHED_FIFO here")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return native_bundle.write(tmp_path_factory.mktemp("native") / "a.edgecsi").path


FIFO = """
import ctypes, numpy.testing
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # all on one processor
predictor = edgecsi.load(path, threads=3)
wanted = predictor.predict(x)
if sys.argv[4] == "forbidden":
    libc = ctypes.CDLL(None, use_errno=True)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    import resource
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    assert libc.setresuid(65534, 65534, 65534) == 0  # only the class that it has is left to this process
else:
    os.sched_setscheduler(0, getattr(os, sys.argv[4]), os.sched_param(10))
for _ in range(200):
    np.testing.assert_array_equal(predictor.predict(x), wanted)
if sys.argv[4] != "forbidden":
    classes = {os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")}
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    np.testing.assert_array_equal(predictor.predict(x), wanted)
    print(classes == {0, getattr(os, sys.argv[4])} or classes)
os._exit(0)
"""


@needs_fifo
@pytest.mark.parametrize("way", ["SCHED_FIFO", "SCHED_RR", "forbidden"])
def test_a_caller_that_becomes_real_time_on_one_processor_gets_its_answers(bundle, way):
    """Before, every call took a second there: the kernel's throttling of real-time threads ended it."""
    done = run(FIFO, bundle, way, limit_s=30)
    assert done.returncode == 0, done.stderr


STARVED = """
predictor = edgecsi.load(path, threads=2)
x = np.tile(x, (16, 1, 1, 1))
predictor.predict(x)
cpu = min(os.sched_getaffinity(0))
helpers = {int(task) for task in os.listdir("/proc/self/task")} - {os.getpid()}
for helper in helpers:
    os.sched_setaffinity(helper, {cpu})
    os.sched_setscheduler(helper, os.SCHED_IDLE, os.sched_param(0))
if os.fork() == 0:  # a real-time process takes the helpers' processor
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        pass
    os._exit(0)
os.sched_setaffinity(0, os.sched_getaffinity(0) - {cpu} or {cpu})
worst = 0
for _ in range(300):
    start = time.monotonic()
    predictor.predict(x)
    worst = max(worst, time.monotonic() - start)
print(worst)
"""


@needs_fifo
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_the_caller_takes_over_what_starved_helpers_leave(bundle):
    done = run(STARVED, bundle, limit_s=40)
    assert done.returncode == 0, done.stderr


def test_many_threads_on_few_processors_end_every_call(bundle):
    """Threads that come late find the next call's pieces, and no bit changes."""
    one, many = edgecsi.load(bundle, threads=1), edgecsi.load(bundle, threads=12)
    for users in (1, 2, 5, 33):
        x = channels(users)
        wanted = one.predict(x)
        for _ in range(100):
            np.testing.assert_array_equal(many.predict(x), wanted)


def engine(bundle):
    return edgecsi.load(bundle, threads=2)._life._engine


def test_lengths_are_checked_in_c(bundle):
    started = engine(bundle)
    users, history, future = 3, 4 * 6 * 16, 4 * 2 * 16
    x, y = np.zeros(users * history, np.float32), np.zeros(users * future, np.float32)
    call = started._library.edgecsi_native_run
    arrays = x.ctypes.data, y.ctypes.data

    def outcome(history_count, future_count, users):
        return call(started._handle, arrays[0], history_count, arrays[1], future_count, users)

    assert outcome(x.size, y.size, users) == native.DONE
    for wrong in (
        (x.size - 1, y.size, users),
        (x.size, y.size + 1, users),
        (x.size, y.size, users + 1),
        (x.size, y.size, -users),
        (0, 0, 2**62),
    ):
        assert outcome(*wrong) == native.SIZES_DIFFER


@pytest.mark.parametrize("outcome", [native.SIZES_DIFFER, native.FORKED, native.STUCK])
def test_what_the_kernels_refuse_is_one_line_and_late_arrays_live_on(bundle, outcome, monkeypatch):
    started = engine(bundle)
    x = np.ones((2, *RADIO.history_shape, 2), np.float32)

    class Refusing:
        edgecsi_native_run = staticmethod(lambda *arguments: outcome)

    known = started._library
    monkeypatch.setattr(started, "_library", Refusing)
    for _ in range(2):
        with pytest.raises(EdgeCsiError) as caught:
            started.run(x)
        assert "\n" not in str(caught.value)
    assert len(started._late) == (2 if outcome == native.STUCK else 0)
    monkeypatch.setattr(started, "_library", known)
    started.run(x)
    assert started._late == []


@pytest.mark.parametrize(
    "change", [{"future": 3}, {"antennas": 8}, {"features": 32}, {"history": 5}, {"layers": 0}, {"heads": 3}]
)
def test_other_sizes_than_the_manifests_are_refused_at_load(tmp_path, change):
    path = native_bundle.write(tmp_path / "a.edgecsi", **change).path
    with pytest.raises(BundleError, match=r"engine\.bin"):
        edgecsi.load(path, threads=1)


def test_kernels_of_another_interface_are_not_called(monkeypatch):
    native._library.cache_clear()
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    assert "not compiled when this edgecsi was installed" in native.why_not_run("fp32")
    monkeypatch.undo()
    native._library.cache_clear()
