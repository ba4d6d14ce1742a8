import numpy as np
import pytest

from edgecsi.channel.speeds import parse_speeds, spread_speeds


@pytest.mark.parametrize(
    ("text", "speeds"),
    [("30", (30.0,)), ("10-100", (10.0, 100.0)), ("10.1-100", (10.1, 100.0)), ("5,10,50", (5.0, 10.0, 50.0))],
)
def test_written_speeds(text, speeds):
    assert parse_speeds(text) == speeds


@pytest.mark.parametrize(
    "text", ["", "fast", "100-10", "10-20-30", "-5", "nan", "inf", "10-", "2000", "1-2,3"]
)
def test_what_is_no_speed(text):
    with pytest.raises(ValueError, match="'"):
        parse_speeds(text)


def test_a_range_over_llm4cps_speed_axis():
    np.testing.assert_allclose(spread_speeds((10.0, 100.0), 10), np.arange(10, 101, 10))
