import time
import tracemalloc

import numpy as np
import pytest
from engines import spin
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.latency import call_loops
from edgecsi.latency.verdicts import queued


def pool(calls):
    return [np.zeros(4, np.complex64) for _ in range(calls)], [
        np.zeros(4, np.complex64) for _ in range(calls)
    ]


def test_every_input_is_called_once_and_its_output_kept():
    inputs, outputs = pool(5)
    for i, given_input in enumerate(inputs):
        given_input[:] = i
    call_loops.back_to_back(lambda x: x + 1, inputs, outputs, np.empty(5, np.int64))
    assert [output[0].real for output in outputs] == [1, 2, 3, 4, 5]


def test_a_call_is_not_shorter_than_what_it_does():
    times = np.empty(8, np.int64)
    call_loops.back_to_back(lambda x: (spin(1e-3), x)[1], *pool(8), times)
    assert times.min() >= 1_000_000


@pytest.mark.parametrize("loop", ["back-to-back", "paced"])
def test_the_loop_keeps_no_memory(loop):
    calls = 2000
    inputs, outputs = pool(calls)
    times = np.empty(calls, np.int64)

    def run():
        if loop == "back-to-back":
            call_loops.back_to_back(lambda x: x, inputs, outputs, times)
        else:
            call_loops.paced(lambda x: x, inputs, outputs, times, period_ns=1000)

    run()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        run()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1000
    assert peak - before < 3000  # the numbers of one call


def test_paced_latency_counts_from_the_scheduled_moment():
    """Ten calls of 3 ms, one due every millisecond: each waits for all before it."""
    latencies = np.empty(10, np.int64)
    call_loops.paced(lambda x: (spin(3e-3), x)[1], *pool(3), latencies, period_ns=1_000_000)
    waits = np.arange(10) * 2e6  # service less period, once more with every call
    assert (latencies >= 3e6 + waits).all()


def test_paced_calls_are_not_early():
    began = []
    period = 2_000_000
    begun = time.perf_counter_ns()
    call_loops.paced(
        lambda x: (began.append(time.perf_counter_ns()), x)[1], *pool(3), np.empty(6, np.int64), period
    )
    assert all(moment >= begun + (i + 1) * period for i, moment in enumerate(began))


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=50), st.integers(1, 5000))
def test_effective_service_undoes_the_queue(service, period):
    latencies = queued(np.array(service, float), period)
    assert call_loops.effective_service(latencies, period) == pytest.approx(service)


def test_gaps_are_a_share_of_the_time():
    longest_us, lost = call_loops.gaps(0.02)
    assert longest_us >= 0
    assert 0 <= lost <= 1
