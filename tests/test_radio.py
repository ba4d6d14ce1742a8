"""The radio setting: what it implies, and that two of them never pass for one another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgecsi.errors import RadioMismatch
from edgecsi.radio import ArrayGeometry, RadioSetting, TrainedRange, differences, require_same_radio

OTHERS = {
    "carrier_hz": st.floats(1e8, 1e11),
    "subcarrier_spacing_hz": st.floats(1e3, 1e7),
    "step_s": st.floats(1e-5, 1.0),
    "subcarriers": st.integers(1, 500),
    "history": st.integers(1, 100),
    "future": st.integers(1, 50),
    "array.columns": st.integers(1, 32),
    "array.rows": st.integers(1, 32),
    "array.polarisations": st.integers(1, 2),
    "array.column_spacing": st.floats(0.1, 5.0),
    "array.row_spacing": st.floats(0.1, 5.0),
    "array.element_order": st.sampled_from(["row-column-polarisation", "polarisation-column-row"]),
}
SHAPES = {"subcarriers", "history", "future", "array.columns", "array.rows", "array.polarisations"}
PAPERS = RadioSetting()


def changed(name, value, radio=PAPERS):
    section, _, field = name.rpartition(".")
    if not section:
        return RadioSetting(**{**radio.model_dump(), field: value})
    return RadioSetting(**{**radio.model_dump(), "array": {**radio.array.model_dump(), field: value}})


def test_the_papers_setting_is_the_default():
    assert PAPERS.history_shape == (32, 16, 48)
    assert PAPERS.future_shape == (32, 4, 48)
    assert PAPERS.horizon_ms == pytest.approx(2.0)
    assert PAPERS.doppler_cycles(108.0) == pytest.approx(0.12, abs=1e-4)
    assert PAPERS.speed_at(PAPERS.doppler_cycles(50.0)) == pytest.approx(50.0)


@pytest.mark.parametrize("name", OTHERS)
@given(data=st.data())
def test_one_differing_field_is_refused_with_both_values(name, data):
    other = changed(name, data.draw(OTHERS[name]))
    found = differences(PAPERS, other)
    if not found:  # the drawn value is the papers' own
        return
    assert set(found) == {name}
    with pytest.raises(RadioMismatch) as caught:
        require_same_radio(PAPERS, "the student", other, "the data")
    assert f"{name} is " in str(caught.value)
    assert "for the student" in str(caught.value)
    assert "for the data" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", OTHERS)
def test_a_difference_can_be_accepted_unless_it_changes_a_shape(name):
    other = changed(
        name, {"array.polarisations": 1, "array.element_order": "row-column-polarisation"}.get(name, 3)
    )
    if name in SHAPES:
        with pytest.raises(RadioMismatch):
            require_same_radio(PAPERS, "the student", other, "the data", accept=True)
    else:
        (line,) = require_same_radio(PAPERS, "the student", other, "the data", accept=True)
        assert name in line


def test_duplex_and_band_gap_are_told_apart():
    fdd = RadioSetting(duplex="fdd")
    assert set(differences(PAPERS, fdd)) == {"duplex"}
    assert set(differences(fdd, RadioSetting(duplex="fdd", band_gap_hz=5e6))) == {"band_gap_hz"}
    with pytest.raises(ValidationError, match="TDD has one band"):
        RadioSetting(band_gap_hz=1.0)


def test_units_may_differ_in_the_last_bit():
    assert differences(PAPERS, RadioSetting(step_s=0.5 * 1e-3 * (1 + 1e-9))) == {}


@pytest.mark.parametrize("text", ["nan", "inf", "0", "-1"])
@pytest.mark.parametrize("name", ["carrier_hz", "subcarrier_spacing_hz", "step_s"])
def test_numbers_are_finite_and_positive(name, text):
    with pytest.raises(ValidationError):
        RadioSetting(**{name: float(text)})


@given(
    columns=st.integers(1, 9),
    rows=st.integers(1, 9),
    polarisations=st.integers(1, 2),
    order=st.permutations(["column", "row", "polarisation"]),
)
def test_every_element_has_a_place_of_its_own(columns, rows, polarisations, order):
    array = ArrayGeometry(
        columns=columns, rows=rows, polarisations=polarisations, element_order="-".join(order)
    )
    places = array.places()
    assert places.shape == (columns, rows, polarisations)
    assert sorted(places.ravel()) == list(range(array.antennas))
    # The axis that is named last counts fastest.
    fastest = ("column", "row", "polarisation").index(order[-1])
    if places.shape[fastest] > 1:
        assert (np.diff(places, axis=fastest) == 1).all()


def test_the_houses_order_is_llm4cps():
    places = ArrayGeometry().places()
    for column, row, polarisation in np.ndindex(places.shape):
        assert places[column, row, polarisation] == (column * 4 + row) * 2 + polarisation


@pytest.mark.parametrize("order", ["column-row", "column-row-row", "row", "column-row-time"])
def test_an_order_names_each_axis_once(order):
    with pytest.raises(ValidationError, match="element_order"):
        ArrayGeometry(element_order=order)


def test_who_is_beyond_what_a_network_was_made_for():
    trained = TrainedRange(speed_kmh=(10, 100), snr_db=(5, 25))
    assert trained.beyond(np.array([3.0, 9.6, 10.0, 100.2, 101.0, 250.0])).tolist() == [
        True, False, False, False, True, True,
    ]  # fmt: skip
    with pytest.raises(ValidationError, match="lower end first"):
        TrainedRange(speed_kmh=(100, 10))
