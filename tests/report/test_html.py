from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecsi.report.html import element, page, table

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1)


class Reader(HTMLParser):
    """Collects the text and the tags of a page's body."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags = [], []
        self.feed(text.partition("<body>")[2])

    def handle_data(self, data):
        self.text.append(data)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


@given(PRINTABLE)
def test_any_text_stays_text(text):
    read = Reader(page("x", element("p", text)))
    assert "".join(read.text).strip("\n") == text
    assert [tag for tag, _ in read.tags] == ["main", "p"]


@given(PRINTABLE)
def test_any_attribute_stays_one(text):
    read = Reader(page("x", element("p", "", title=text)))
    assert read.tags[-1] == ("p", {"title": text})


def test_control_characters_are_replaced():
    assert "\x00" not in page("x", element("p", "a\x00\x1b[31mb"))


def test_text_and_elements_keep_their_order():
    assert "a<b>c</b>d<b>e</b>f" in page(
        "x", element("p", "a", element("b", "c"), "d", element("b", "e"), "f")
    )


@pytest.mark.parametrize("numbers", [0, 1])
def test_number_columns_are_the_last(numbers):
    rows = Reader(page("x", table(("a", "b"), [("1", "2")], numbers)))
    cells = [attributes.get("class") for tag, attributes in rows.tags if tag == "td"]
    assert cells == [None, "number" if numbers else None]


def test_a_page_forbids_scripts_and_the_network():
    assert "default-src 'none'" in page("x")
