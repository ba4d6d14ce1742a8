"""What a dataset says about itself must make sense, and fit its numbers."""

import numpy as np
import pytest
from bad_datasets import assert_refused


def test_another_version(edit):
    assert_refused(
        edit(lambda file: file.attrs.__setitem__("format_version", 1)),
        "format 1, this edgecsi reads 2; generate or import it again",
    )


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("ue_pattern", "half"),
        ("test_share", -1.0),
        ("test_share", np.nan),
        ("seed", np.arange(3)),
        ("extra", 1),
    ],
)
def test_wrong_attribute(edit, attribute, value):
    assert_refused(edit(lambda file: file.attrs.__setitem__(attribute, value)), attribute)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"tdd"', '"half"', "duplex"),
        ("0.0005", "-1.0", "step_s"),
        ("0.0005", "NaN", "step_s"),
        ('"history":3', '"history":1e9', "history"),
        ('"history":3', '"history":4', "(2, 4, 4) per user"),
        ('"columns":1', '"columns":3', "(6, 3, 4) per user"),
        ('"carrier_hz"', '"extra":1,"carrier_hz"', "extra"),
        ("{", "", "JSON"),
    ],
)
def test_a_radio_setting_that_is_none_or_another(edit, old, new, words):
    def damage(file):
        assert old in file.attrs["radio"]
        file.attrs["radio"] = file.attrs["radio"].replace(old, new)

    assert "\n" not in assert_refused(edit(damage), words)


@pytest.mark.parametrize(("name", "value"), [("radio", 7), ("radio", b"\xff\xfe"), ("task", np.arange(3))])
def test_what_should_be_text(edit, name, value):
    assert_refused(edit(lambda file: file.attrs.__setitem__(name, value)), name)


@pytest.mark.parametrize("name", ["radio", "task"])
def test_what_must_be_said(edit, name):
    assert_refused(edit(lambda file: file.attrs.__delitem__(name)), name)


def test_an_unknown_task_names_those_that_there_are(edit):
    assert_refused(edit(lambda file: file.attrs.__setitem__("task", "cis")), "unknown task 'cis'", "'csi'")
