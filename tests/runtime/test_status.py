"""Users without usable numbers, or at scales where float32 ends: told one by one, nobody else is harmed."""

import numpy as np
import pytest
import tiny_bundle
from level_task import LEVELS
from tiny_bundle import RADIO, channels, student

import edgecsi
from edgecsi.errors import DataError
from edgecsi.runtime import Predictor, Status


def error(found, wanted):
    """Largest error of any user, relative to that user."""
    energy = [np.sum(np.abs(np.asarray(x, np.complex128)) ** 2, (1, 2, 3)) for x in (found - wanted, wanted)]
    return np.sqrt(np.max(energy[0] / energy[1]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1j * np.nan, 1e39])
def test_a_user_with_nan_gets_zeros_and_a_status_and_spoils_nobody(predictor, bad):
    history = channels(5).astype(np.complex128)
    history[2, 3, 5, 7] = bad
    history[3] = 0
    future, status = predictor.predict_with_status(history, speed_kmh=[30, 300, 300, 300, 30])

    assert status.tolist() == [0, Status.OUT_OF_RANGE, Status.NOT_FINITE, Status.ZERO_POWER, 0]
    assert not future[2:4].any()
    assert error(future[[0, 1, 4]], student(channels(5))[[0, 1, 4]]) < 1e-6
    with pytest.raises(DataError, match="NaN or infinity, as complex64, for user 2"):
        predictor.predict(history)


def test_nobody_with_numbers(predictor):
    future, status = predictor.predict_with_status(np.full((2, *RADIO.history_shape), np.nan, complex))

    assert status.tolist() == [Status.NOT_FINITE] * 2
    assert not future.any()


def test_the_callers_array_keeps_its_nan(predictor):
    history = channels(2)
    history[0] = np.nan
    history[1] *= np.float32(1e-33)
    before = history.copy()
    predictor.predict_with_status(history)

    np.testing.assert_array_equal(history, before)


@pytest.mark.parametrize("exponent", [-90, -60, -43, 60, 100, 126])
def test_any_power_of_two_goes_in_and_comes_out(predictor, exponent):
    history = channels(3)  # of some 1e-5, 2^-17
    among = history.copy()
    among[1] *= np.float32(2.0**exponent)
    future, status = predictor.predict_with_status(among)

    assert status.tolist() == [Status.OK] * 3
    among[1] = history[1]
    assert error(future[[0, 2]], predictor.predict(history)[[0, 2]]) < 1e-6
    assert error(future[[1]].astype(complex) / 2.0**exponent, predictor.predict(history)[[1]]) < 1e-6


def test_denormal_users_are_predicted_from_the_digits_they_have_and_told(predictor):
    history = channels(3)
    history[1] *= np.float32(2.0**-120)
    history[2] = np.float32(1e-45)
    future, status = predictor.predict_with_status(history)

    assert status.tolist() == [Status.OK, Status.DENORMAL, Status.DENORMAL]
    wanted = (history[1:].astype(np.complex128) * 2.0**120).astype(np.complex64)
    off = (future[1:].astype(np.complex128) * 2.0**120 - student(wanted)).view(float)
    assert np.abs(off).max() < 2.0**-29  # the last bit of a denormal output, 2^-149


def test_in_decibels_zeros_and_small_numbers_are_numbers(tmp_path):
    tiny_bundle.write(tmp_path / "a.edgecsi", task=LEVELS)
    predictor = edgecsi.load(tmp_path / "a.edgecsi", threads=1)
    levels = np.stack([channels(1, task=LEVELS)[0]] * 4)
    levels[1], levels[2] = 0, 1e-40
    levels[3, 0, 0] = np.nan
    future, status = predictor.predict_with_status(levels)

    assert status.tolist() == [0, 0, 0, Status.NOT_FINITE]
    assert not future[3].any()


def test_an_engine_that_fails_for_one_user_keeps_the_others():
    class Diverging:
        max_users, threads = None, 1

        def run(self, history):
            future = history[:, :, : RADIO.future].copy()
            future[1] = np.nan
            return future

    history = channels(3)
    future, status = Predictor(Diverging(), tiny_bundle.manifest(), "").predict_with_status(history)

    assert status.tolist() == [Status.OK, Status.FAILED, Status.OK]
    np.testing.assert_array_equal(future[[0, 2]], history[[0, 2], :, : RADIO.future])
    assert not future[1].any()
