import pytest

from edgecsi.errors import EdgeCsiError
from edgecsi.yaml_files import read_yaml


@pytest.fixture
def read(tmp_path):
    def read(text, **how):
        path = tmp_path / "a.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, **how)

    return read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e4", 20000.0),
        ("2.5E-3", 0.0025),
        ("-3", -3),
        ("0", 0),
        (".5", 0.5),
        ("1.", 1.0),
        ("{30: 2e4}", {30: 20000.0}),
        ("'20000'", "20000"),
        ("[true, False, null, ~]", [True, False, None, None]),
        ("2026-11-28", "2026-11-28"),
        ("2,5", "2,5"),
        ("'yes'", "yes"),
        ("a:", {"a": None}),
    ],
)
def test_what_is_meant(read, text, value):
    (found,) = read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    ["010000", "0x10", "0o17", "0b1", "1_000", "1:30", "-1:30:00", "yes", "No", "on", "OFF", "y", "007.5"],
)
@pytest.mark.parametrize("where", ["{}", "a: {}", "[1, {}]", "{}: 1", "a: {{b: {}}}"])
def test_what_is_read_in_two_ways_is_refused(read, text, where):
    with pytest.raises(EdgeCsiError, match=r"a.yaml: no YAML: line 1, column .* is read in two ways"):
        read(where.format(text))


@pytest.mark.parametrize("text", ["a: 1\na: 2", "{30: 1, '30': 2}", "{30: 1, 30.0: 2}", "x: {a: 1, a: 1}"])
def test_a_key_given_twice_is_refused(read, text):
    with pytest.raises(EdgeCsiError, match="given twice"):
        read(text)


def test_text_fields_are_text(read):
    text = "[{source: 38.210, x: 38.210}, {source: yes}, {source: 010}, {source: }]"
    (found,) = read(text, text_fields=("source",))
    assert found == [{"source": "38.210", "x": 38.21}, {"source": "yes"}, {"source": "010"}, {"source": None}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 5000, "nested too deeply|expected the node content"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ("{a: " * 3000 + "1" + "}" * 3000, "nested too deeply"),
        ("? [a]\n: 1", "unhashable"),
        ("a: &x [1]\nb: *x", "write it out"),
        ("!!python/object/apply:os.getcwd []", "no YAML"),
        ("!!timestamp 2026-99-99", "no YAML"),
        (b"\xff\xfe\x00", "no YAML"),
        (b"a: \x1b[31m", "no YAML"),
        ("a" * (1 << 20) + "a", "more than 1.04858 MB"),
        ("9" * 5000, "no YAML"),
    ],
)
def test_what_can_not_be_read_is_one_line(read, text, words):
    with pytest.raises(EdgeCsiError, match=words) as caught:
        read(text)
    assert str(caught.value).isprintable()


def test_a_folder_a_device_and_a_missing_file_are_one_line(tmp_path):
    for place in (tmp_path, "/dev/zero", tmp_path / "none", tmp_path / "no" / "folder"):
        with pytest.raises(EdgeCsiError, match=str(place)):
            read_yaml(type(tmp_path)(place))
