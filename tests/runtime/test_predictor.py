import threading

import numpy as np
import pytest
import tiny_bundle
from hypothesis import given
from hypothesis import strategies as st
from level_task import LEVELS
from tiny_bundle import RADIO, channels, student

import edgecsi
from edgecsi.errors import BundleError, DataError, EdgeCsiError, RadioMismatch
from edgecsi.interleaved import to_interleaved
from edgecsi.runtime import Predictor, Status

A, T, P, K = RADIO.antennas, RADIO.history, RADIO.future, RADIO.subcarriers
CARRIER = RADIO.model_copy(update={"carrier_hz": 3.5e9})


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


def test_a_user_beyond_the_trained_speeds_is_predicted_and_marked(predictor):
    history = channels(4)
    history[3] = 0
    future, status = predictor.predict_with_status(history, speed_kmh=[50, 130, np.nan, 130])

    assert status.tolist() == [Status.OK, Status.OUT_OF_RANGE, Status.OK, Status.ZERO_POWER]
    np.testing.assert_array_equal(future, predictor.predict(history))
    assert predictor.predict_with_status(history[:2], speed_kmh=5)[1].tolist() == [Status.OUT_OF_RANGE] * 2


def test_speeds_are_not_judged_where_nobody_recorded_the_range(tmp_path):
    network = tiny_bundle.manifest().network.model_copy(update={"trained": None})
    path = tiny_bundle.write(tmp_path / "a.edgecsi", network=network).path

    assert edgecsi.load(path).predict_with_status(channels(1), speed_kmh=900)[1].tolist() == [Status.OK]


@pytest.mark.parametrize("speed", [[1, 2], "fast", [[30]], [1j]])
def test_refuses_speeds_of_other_users(predictor, speed):
    with pytest.raises(DataError, match=r"speed_kmh is .* not one number or 1"):
        predictor.predict_with_status(channels(1), speed_kmh=speed)


def test_the_hosts_radio_setting_is_compared(predictor, tmp_path):
    predictor.predict(channels(1), radio=RADIO)
    line = r"^carrier_hz is 2\.4e\+09 for the bundle tiny-\w+, 3\.5e\+09 for this host: "
    with pytest.raises(RadioMismatch, match=line) as caught:
        predictor.predict(channels(1), radio=CARRIER)
    assert "accept_radio_mismatch=True" in str(caught.value)
    path = tiny_bundle.write(tmp_path / "a.edgecsi").path
    edgecsi.load(path, radio=RADIO)
    with pytest.raises(RadioMismatch, match=line):
        edgecsi.load(path, radio=CARRIER)


def test_an_accepted_mismatch_is_a_warning(tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi").path
    with pytest.warns(UserWarning, match="carrier_hz is 2.4e") as told:
        predictor = edgecsi.load(path, radio=CARRIER, accept_radio_mismatch=True)
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match="predictions may be worthless") as told:
        predictor.predict(channels(1), radio=CARRIER)
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match="carrier_hz") as told:
        predictor.predict_with_status(channels(1), radio=CARRIER)
    assert told[0].filename == __file__


def test_another_shape_can_not_be_accepted(tmp_path):
    path = tiny_bundle.write(tmp_path / "a.edgecsi").path
    longer = RADIO.model_copy(update={"history": 7})
    with pytest.raises(RadioMismatch, match=r"history is 6 .* 7 for this host") as caught:
        edgecsi.load(path, radio=longer, accept_radio_mismatch=True)
    assert "accept" not in str(caught.value)


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    """A predictor of a real-valued task."""
    path = tmp_path_factory.mktemp("toy") / "toy.edgecsi"
    return edgecsi.load(tiny_bundle.write(path, task=LEVELS).path, threads=1)


def test_predicts_real_numbers_of_another_task(levels):
    inputs = channels(5, task=LEVELS)
    found, status = levels.predict_with_status(inputs.astype(np.float64))

    assert (found.shape, found.dtype) == ((5, P, K), np.float32)
    np.testing.assert_allclose(found, student(inputs, LEVELS), rtol=1e-5, atol=1e-5)
    assert status.tolist() == [Status.OK] * 5


def test_zeros_are_a_value_where_a_task_has_no_scale(levels):
    assert levels.predict_with_status(np.zeros((1, T, K)))[1].tolist() == [Status.OK]


def test_refuses_complex_numbers_where_a_task_is_real(levels):
    with pytest.raises(DataError, match=r"is complex64, the engine takes real \[user, time, subcarrier\]"):
        levels.predict(channels(1, task=LEVELS).astype(np.complex64))


def test_load_refuses_another_bundle_than_the_pinned_one(tmp_path):
    tiny_bundle.write(tmp_path / "a.edgecsi")

    with pytest.raises(BundleError, match="not the pinned"):
        edgecsi.load(tmp_path / "a.edgecsi", digest="0" * 64)
