import multiprocessing
import os
import resource

import pytest

from edgecsi.latency import environment, realtime


def test_the_machine_is_named():
    machine = environment.look()
    assert machine.processor
    assert machine.cpus_allowed == sorted(os.sched_getaffinity(0))
    assert "numpy" in machine.libraries


@pytest.mark.parametrize(("text", "cpus"), [("", []), ("3", [3]), ("0,2-4", [0, 2, 3, 4])])
def test_the_kernels_lists_of_cpus(text, cpus):
    assert environment.cpu_list(text) == cpus


def test_only_a_tuned_process_on_a_tuned_machine_lacks_nothing():
    machine = environment.look().model_copy(update={"isolated_cpus": [5], "governor": "performance"})
    assert environment.rt_missing(machine, "SCHED_FIFO", True, (5,)) == []
    assert environment.rt_missing(machine, "SCHED_FIFO", True, (4,)) == ["isolated CPU"]
    assert environment.rt_missing(machine, "SCHED_OTHER", False, None) == [
        "real-time scheduler",
        "locked memory",
        "isolated CPU",
    ]


def ask_unprivileged(pipe):
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(65534)
    pipe.send((realtime.request(), realtime.scheduler()))


def test_refused_real_time_rights_are_said_and_the_process_goes_on():
    """As an unprivileged user without an rtprio limit, which is what most users are."""
    if resource.getrlimit(resource.RLIMIT_RTPRIO) != (0, 0):
        pytest.skip("this account may use real-time priorities")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=ask_unprivileged, args=(theirs,))
    process.start()
    words, scheduler = ours.recv()
    process.join()
    assert "SCHED_FIFO refused" in words
    assert "measured without" in words
    assert scheduler == "SCHED_OTHER"
