import pytest

from edgecsi.errors import EdgeCsiError
from edgecsi.latency.budget_file import load_budgets
from edgecsi.latency.budgets import BUDGETS

ROW = "budgets:\n  - {name: site, path: deadline, limit_us: 20000, source: site agreement}\n"


def write(tmp_path, text):
    path = tmp_path / "budgets.yaml"
    path.write_text(text)
    return path


def test_without_a_file_the_built_in_budgets():
    assert load_budgets(None) == BUDGETS


def test_one_number_is_the_limit_at_every_spacing(tmp_path):
    *built_in, own = load_budgets(write(tmp_path, ROW))
    assert tuple(built_in) == BUDGETS
    assert own.limit_us == dict.fromkeys((15, 30, 60, 120), 20000.0)


def test_limits_per_spacing(tmp_path):
    text = "budgets:\n- {name: x, path: report, limit_us: {30: 2000, 60: 900}, source: us}"
    assert load_budgets(write(tmp_path, text))[-1].limit_us == {30: 2000.0, 60: 900.0}


@pytest.mark.parametrize("limit", ["2e4", '"20000"', "20000.0", "{15: 2e4, 30: '20000'}"])
def test_a_number_may_be_written_in_any_way(tmp_path, limit):
    own = load_budgets(write(tmp_path, ROW.replace("20000", limit)))[-1]
    assert set(own.limit_us.values()) == {20000.0}


def test_a_source_that_looks_like_a_number_stays_as_it_is(tmp_path):
    own = load_budgets(write(tmp_path, ROW.replace("site agreement", "38.210")))[-1]
    assert own.source == "38.210"


@pytest.mark.parametrize("limit", ["010000", "yes", "1:30", "1_000", "1, limit_us: 2", "true", "2,5"])
def test_a_number_that_is_read_in_two_ways_is_refused(tmp_path, limit):
    with pytest.raises(EdgeCsiError, match=r"budgets.yaml: (no YAML: line 2|budget 'site' is wrong)"):
        load_budgets(write(tmp_path, ROW.replace("20000", limit)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "no YAML"),
        ("!!python/object/apply:os.getcwd []", "no YAML"),
        ("[]", "one list, named budgets"),
        ("budgets: []", "one list, named budgets"),
        ("budgets: [3]", "budget 3 is wrong"),
        (ROW.replace("site,", "slot,"), "names slot again"),
        (ROW.replace("20000", "-1"), "greater than 0"),
        (ROW.replace("20000", ".nan"), "wrong at limit_us"),
        (ROW.replace("20000", "{45: 1}"), "45 kHz is no subcarrier spacing"),
        (ROW.replace("deadline", "often"), "wrong at path"),
        (ROW.replace("source", "sauce"), "wrong at source"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, text, says):
    with pytest.raises(EdgeCsiError, match=says) as caught:
        load_budgets(write(tmp_path, text))
    assert "budgets.yaml" in str(caught.value)
