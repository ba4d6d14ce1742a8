"""What a predictor was made for: speeds, radio setting, task."""

import numpy as np
import pytest
import tiny_bundle
from level_task import LEVELS
from tiny_bundle import RADIO, channels, student

import edgecsi
from edgecsi.errors import DataError, RadioMismatch
from edgecsi.runtime import Status

T, P, K = RADIO.history, RADIO.future, RADIO.subcarriers
CARRIER = RADIO.model_copy(update={"carrier_hz": 3.5e9})


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
