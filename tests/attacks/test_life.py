"""Threads, forks, copies and the interpreter's end: a predictor answers, or says why not, and never hangs."""

import copy
import multiprocessing
import pickle
import threading
import time

import native_bundle
import numpy as np
import pytest
import tiny_bundle
from processes import run
from tiny_bundle import RADIO, channels, student

import edgecsi
from edgecsi.errors import BundleError, DeadlineMissed, EdgeCsiError
from edgecsi.runtime import Predictor
from edgecsi.runtime.engines import native

ENGINES = ("onnxruntime", "openvino", "native")


class Slow:
    """An engine that takes its time."""

    max_users = None
    threads = 1

    def __init__(self, seconds=0.5):
        self.seconds = seconds
        self.running = threading.Event()

    def run(self, history):
        self.running.set()
        time.sleep(self.seconds)
        return history[:, :, : RADIO.future].copy()


@pytest.fixture(params=ENGINES)
def path(request, tmp_path):
    if request.param == "native":
        if reason := native.why_not_run("fp32"):
            pytest.skip(reason)
        return native_bundle.write(tmp_path / "a.edgecsi").path
    return tiny_bundle.write(tmp_path / "a.edgecsi", request.param).path


def slow(seconds=0.5):
    engine = Slow(seconds)
    return engine, Predictor(engine, tiny_bundle.manifest(), "")


def test_a_closed_predictor_says_so(path):
    with edgecsi.load(path, threads=1) as predictor:
        predictor.predict(channels(1))
    predictor.close()

    with pytest.raises(EdgeCsiError, match=r"the bundle tiny-.* is closed; load it again"):
        predictor.predict(channels(1))
    assert predictor.threads == 1


def test_closing_waits_for_the_call_under_way():
    engine, predictor = slow()
    found = []
    thread = threading.Thread(target=lambda: found.append(predictor.predict(channels(1))))
    thread.start()
    engine.running.wait()
    with pytest.raises(DeadlineMissed, match=r"still computing after 0\.01 s"):
        predictor.close(timeout_s=0.01)
    predictor.close()
    thread.join()

    assert len(found) == 1


@pytest.mark.parametrize("remake", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_is_loaded_again(path, remake, monkeypatch, tmp_path):
    monkeypatch.chdir(path.parent)
    predictor = edgecsi.load("a.edgecsi", threads=1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = remake(predictor)
    predictor.close()

    assert (again.digest, again.threads) == (predictor.digest, 1)
    assert again.predict(channels(2)).shape == student(channels(2)).shape


def test_what_can_not_be_loaded_again_says_why(tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi").path
    predictor = edgecsi.load(path, threads=1)
    kept = pickle.dumps(predictor)
    tiny_bundle.write(path, name="other")
    with pytest.raises(BundleError, match="it is another bundle"):
        pickle.loads(kept)
    predictor.close()
    with pytest.raises(EdgeCsiError, match="closed; load it again"):
        pickle.dumps(predictor)
    with pytest.raises(EdgeCsiError, match="not loaded from a folder; load it in each process"):
        pickle.dumps(slow()[1])


def test_a_spawned_process_gets_its_own(tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi").path
    predictor = edgecsi.load(path, threads=1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(predictor.predict, (channels(2),))

    np.testing.assert_array_equal(found, predictor.predict(channels(2)))


FORKS = """
predictor = edgecsi.load(path, threads=2)
predictor.predict(x)
if sys.argv[4] == "busy":
    def work():
        while True:
            predictor.predict(x)
    threading.Thread(target=work, daemon=True).start()
    time.sleep(0.05)
children = []
for way in range(9):
    child = os.fork()
    if child == 0:
        try:
            predictor.predict(x)
        except edgecsi.EdgeCsiError as error:
            assert "loaded before fork; load it in each process" in str(error)
            predictor.close()
            del predictor
            if way % 3 == 0:
                os._exit(3)
            if way % 3 == 1:
                os.kill(os.getpid(), 15)
            sys.exit(3)
        os._exit(4)
    children.append(child)
end, codes = time.time() + 20, []
for child in children:
    while not (found := os.waitpid(child, os.WNOHANG))[0]:
        if time.time() > end:
            print("hangs", children.index(child), flush=True)
            os.kill(child, 9)
        time.sleep(0.01)
    codes.append(os.waitstatus_to_exitcode(found[1]))
predictor.predict(x)
print(codes, flush=True)
"""


@pytest.mark.parametrize("busy", ["idle", "busy"])
def test_a_forked_child_is_told_and_can_leave_in_any_way(path, busy):
    done = run(FORKS, path, busy)

    assert done.stdout.strip() == str([3, -15, 3] * 3), done.stderr
    assert done.returncode == 0, done.stderr


def test_a_forked_child_can_load_its_own(tmp_path):
    """With ONNX Runtime; OpenVINO's threads don't come back after a fork."""
    script = """
predictor = edgecsi.load(path, threads=2)
predictor.predict(x)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
edgecsi.load(path, threads=2).predict(x)
"""
    assert run(script, tiny_bundle.write(tmp_path / "a.edgecsi").path).returncode == 0


EXIT = """
predictors = [edgecsi.load(path, threads=int(sys.argv[4])) for _ in range(2)]
def work(predictor, timeout_s):
    while True:
        predictor.predict(x, timeout_s=timeout_s)
for index in range(6):
    argument = predictors[index % 2], 10 if index == 5 else None
    threading.Thread(target=work, args=argument, daemon=True).start()
time.sleep(float(sys.argv[5]))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_the_interpreter_may_end_under_daemon_threads(path, threads):
    for wait in (0.0, 0.02, 0.1):
        done = run(EXIT, path, threads, wait)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_call_under_way_too_long_does_not_hold_the_end_up(tmp_path):
    script = """
from edgecsi.runtime import Predictor, life
life.EXIT_S = 0.2
class Stuck:
    max_users, threads = None, 1
    def run(self, history):
        time.sleep(1000)
predictor = Predictor(Stuck(), tiny_bundle.manifest(), "")
threading.Thread(target=predictor.predict, args=(x,), daemon=True).start()
time.sleep(0.05)
"""
    start = time.monotonic()
    done = run(script, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - start < 30


def test_a_deadline_frees_the_caller_and_later_the_engine():
    _, predictor = slow()
    start = time.monotonic()
    with pytest.raises(DeadlineMissed, match=r"did not answer within 0\.05 s"):
        predictor.predict(channels(1), timeout_s=0.05)
    with pytest.raises(DeadlineMissed, match=r"busy with another call for 0\.05 s"):
        predictor.predict(channels(1), timeout_s=0.05)
    assert time.monotonic() - start < 0.4

    assert predictor.predict(channels(1), timeout_s=30).shape == (1, 4, 2, 8)
    assert predictor.predict(channels(1)).shape == (1, 4, 2, 8)


def test_a_deadline_passes_errors_and_results_on(path):
    predictor = edgecsi.load(path, threads=1)
    np.testing.assert_array_equal(
        predictor.predict(channels(3), timeout_s=30), predictor.predict(channels(3))
    )
    with pytest.raises(EdgeCsiError, match="the input has shape"):
        predictor.predict(channels(3)[0], timeout_s=30)
    for wrong in (0, -1, float("nan"), float("inf"), "1"):
        with pytest.raises(EdgeCsiError, match="timeout_s must be a number of seconds above 0"):
            predictor.predict(channels(1), timeout_s=wrong)
    predictor.close()
    with pytest.raises(EdgeCsiError, match="is closed"):
        predictor.predict(channels(1), timeout_s=1)
