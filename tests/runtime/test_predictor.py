import threading

import numpy as np
import pytest
import tiny_bundle
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundle import RADIO, channels, student

import edgecsi
from edgecsi.errors import BundleError, DataError, EdgeCsiError
from edgecsi.interleaved import to_interleaved
from edgecsi.runtime import Predictor, Status

A, T, P, K = RADIO.antennas, RADIO.history, RADIO.future, RADIO.subcarriers


def error(found, wanted):
    """Largest error of any user, relative to that user."""
    axes = (1, 2, 3)
    return np.max(np.sqrt(np.sum(np.abs(found - wanted) ** 2, axes) / np.sum(np.abs(wanted) ** 2, axes)))


def test_predicts_what_the_student_predicts(predictor):
    history = channels(5)
    future = predictor.predict(history)

    assert future.dtype == np.complex64
    assert error(future, student(history)) < 1e-6


@given(exponent=st.floats(-8, 4), seed=st.integers(0, 99))
def test_scale_equivariance(predictor, exponent, seed):
    history, scale = channels(2, seed), np.float32(10**exponent)

    assert error(predictor.predict(scale * history) / scale, predictor.predict(history)) < 1e-4


@given(
    order=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    loudness=st.lists(st.sampled_from([0, 1e-8, 1, 1e4]), min_size=2, max_size=2),
)
def test_batch_invariance(predictor, order, loudness):
    """A user's output is the same whoever else is in the batch, and wherever in it."""
    history = channels(5)
    strangers = channels(2, seed=7) * np.array(loudness, np.float32)[:, None, None, None]
    batch = np.concatenate([history[order], strangers])

    assert error(predictor.predict(batch)[: len(order)], predictor.predict(history)[order]) < 1e-4


@given(
    axes=st.permutations(range(4)),
    steps=st.tuples(*[st.sampled_from([1, 2, -1])] * 4),
    dtype=st.sampled_from([np.complex64, np.complex128, ">c8", ">c16", np.clongdouble]),
)
def test_any_memory_layout_and_complex_precision(predictor, axes, steps, dtype):
    history = channels(2)
    roomy = np.empty([size * abs(step) for size, step in zip(history.shape, steps, strict=True)], dtype)
    view = roomy.transpose(axes).copy().transpose(np.argsort(axes))
    view = view[tuple(slice(None, None, step) for step in steps)]
    view[...] = history

    np.testing.assert_array_equal(predictor.predict(view), predictor.predict(history))


def test_leaves_the_callers_array_alone(predictor):
    history = channels(3)
    history[1] = 0
    before = history.copy()
    predictor.predict(history)

    np.testing.assert_array_equal(history, before)


def test_earlier_results_survive_later_calls(predictor):
    first = predictor.predict(channels(2))
    kept = first.copy()
    predictor.predict(channels(2, seed=9))

    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("users", [0, 1, 32, 33, 100])
def test_any_number_of_users(predictor, users):
    history = channels(users)
    future = predictor.predict(history)

    assert future.shape == (users, A, P, K)
    np.testing.assert_allclose(future, student(history), rtol=1e-4, atol=1e-10)


def test_a_user_without_power_gets_zeros_and_a_status_and_spoils_nobody(predictor):
    history = channels(3)
    history[1] = 0
    future, status = predictor.predict_with_status(history)

    assert status.dtype == np.uint8
    assert status.tolist() == [Status.OK, Status.ZERO_POWER, Status.OK]
    assert not future[1].any()
    assert error(future[[0, 2]], student(history[[0, 2]])) < 1e-6


def test_nobody_with_power(predictor):
    future, status = predictor.predict_with_status(np.zeros((2, A, T, K), complex))

    assert not future.any()
    assert status.tolist() == [Status.ZERO_POWER] * 2


@pytest.mark.parametrize(
    ("csi", "complaint"),
    [
        (channels(1)[0], r"shape \[4, 6, 8\].*\[any, 4, 6, 8\]; add the user axis with x\[None\]"),
        (
            channels(1)[:, :2],
            r"shape \[1, 2, 6, 8\], the engine takes complex \[user, antenna, time, subcarrier\]",
        ),
        (channels(1).transpose(0, 2, 1, 3), r"shape \[1, 6, 4, 8\]"),
        (np.float32(3), r"shape \[\]"),
        (channels(2).real, "is float32"),
        (to_interleaved(channels(2)), r"shape \[2, 4, 6, 8, 2\]"),
        (np.full((1, A, T, K), None), "is object"),
        ("csi", "shape"),
        (np.ma.masked_array(channels(2), mask=np.zeros((2, A, T, K), bool)), "is a masked array"),
    ],
)
def test_refuses_other_arrays_in_one_line(predictor, csi, complaint):
    with pytest.raises(DataError, match=complaint):
        predictor.predict(csi)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1j * np.inf, 1e39])
def test_names_the_users_with_numbers_that_are_none(predictor, bad):
    history = channels(9).astype(np.complex128)
    history[2, 3, 5, 7] = bad
    history[7, 0, 0, 0] = bad

    with pytest.raises(DataError, match="NaN or infinity, as complex64, for users 2, 7"):
        predictor.predict(history)


class Diverging:
    """An engine whose second user comes out as NaN; no real one here does."""

    max_users = None
    threads = 1

    def run(self, history):
        future = history[:, :, :P].copy()
        future[1] = np.nan
        return future


def test_never_returns_nan():
    with pytest.raises(EdgeCsiError, match="tiny-onnxruntime predicts NaN or infinity for user 1;"):
        Predictor(Diverging(), tiny_bundle.manifest(), "").predict(channels(3))


def test_threads_may_share_a_predictor(predictor):
    histories = [channels(3, seed) for seed in range(8)]
    found = {}

    def work(index):
        for _ in range(5):
            found[index] = predictor.predict(histories[index])

    workers = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for index, history in enumerate(histories):
        assert error(found[index], student(history)) < 1e-6


def test_tells_what_it_is(tmp_path):
    written = tiny_bundle.write(tmp_path / "a.edgecsi")
    predictor = edgecsi.load(tmp_path / "a.edgecsi", threads=1, digest=written.digest)

    assert predictor.manifest == written.manifest
    assert predictor.digest == written.digest
    assert predictor.radio == RADIO
    assert predictor.task.name == "csi"
    assert predictor.warnings == ()
    assert predictor.threads == 1


def test_passes_the_manifests_warnings_on(tmp_path):
    tiny_bundle.write(tmp_path / "a.edgecsi", warnings=("3 of 9 users are too fast",))

    assert edgecsi.load(tmp_path / "a.edgecsi").warnings == ("3 of 9 users are too fast",)


def test_load_refuses_another_bundle_than_the_pinned_one(tmp_path):
    tiny_bundle.write(tmp_path / "a.edgecsi")

    with pytest.raises(BundleError, match="not the pinned"):
        edgecsi.load(tmp_path / "a.edgecsi", digest="0" * 64)
