"""Strings from outside: no control character reaches a terminal or a page, and an error is one line."""

import json
import locale
import os
import random
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
import tiny_bundle
from command_line import edgecsi

from edgecsi.bundle.seal import sealed
from edgecsi.latency.report_schema import LatencyReport
from edgecsi.report.html import element, page

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eFAKE\r\nverify: passed\x00\ud800[red]x[/red][link=http://e]y[/link]"
)
SEEDED = random.Random(25)


def assert_clean(text, lines=True):
    """Nothing but characters that are shown, and rich's own lines."""
    bad = {char for char in text if not (char.isprintable() or (lines and char == "\n"))}
    assert not bad, (bad, text[:300])
    assert "Traceback" not in text


def assert_one_line(done):
    assert done.code == 1, (done.stdout, done.stderr)
    assert done.stderr.startswith("edgecsi: error: ")
    assert done.stderr.count("\n") == 1
    assert "not foreseen" not in done.stderr
    assert_clean(done.stderr)


def strings(value, path=()):
    """Where in a JSON value there are strings, keys of maps too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, ("key", key))
            yield from strings(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, (*path, index))
    elif isinstance(value, str):
        yield path


def changed(value, path, new):
    """A copy with another value, or another name of a key, at a place."""
    copy = json.loads(json.dumps(value))
    *way, last = path
    place = copy
    for step in way:
        place = place[step]
    if isinstance(last, tuple):
        place[new if isinstance(new, str) else str(new)] = place.pop(last[1])
    else:
        place[last] = new
    return copy


def sample(places, count):
    places = list(places)
    return SEEDED.sample(places, min(count, len(places)))


def test_no_string_of_a_manifest_gets_out_as_it_is(tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi", warnings=("too fast",)).path
    manifest = json.loads((bundle / "manifest.json").read_text())
    shown = 0
    for place in strings(manifest):
        (bundle / "manifest.json").write_text(json.dumps(sealed(changed(manifest, place, HOSTILE))))
        done = edgecsi("inspect", bundle)
        assert_clean(done.stdout)
        shown += done.code == 0
        if done.code:
            assert_one_line(done)
    assert shown > 3


def test_no_string_of_a_manifest_gets_out_of_verify(tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi", warnings=("too fast",)).path
    manifest = json.loads((bundle / "manifest.json").read_text())
    for place in [("warnings", 0), ("name",), ("network", "name"), *sample(strings(manifest), 5)]:
        (bundle / "manifest.json").write_text(json.dumps(sealed(changed(manifest, place, HOSTILE))))
        done = edgecsi("verify", bundle)
        assert_clean(done.stdout)
        assert_clean(done.stderr)


@pytest.mark.parametrize("name", ["scenario", "generator", "generator_version", "task", "format", "radio"])
def test_no_attribute_of_a_dataset_gets_out_as_it_is(small_dataset, name):
    path = small_dataset()
    with h5py.File(path, "r+") as file:
        del file.attrs["checksum"]
        file.attrs[name] = HOSTILE.replace("\x00", "").replace("\ud800", "")
    done = edgecsi("data", "info", path)
    assert_clean(done.stdout)
    if done.code:
        assert_one_line(done)
    else:
        assert "\ufffd" in done.stdout


def test_no_name_in_a_dataset_gets_out_as_it_is(small_dataset):
    path = small_dataset()
    with h5py.File(path, "r+") as file:
        file.move("history", "\x1b[31mhistory")
    assert_one_line(edgecsi("data", "info", path))


def test_no_string_of_a_budget_file_gets_out_as_it_is(tmp_path):
    path = tmp_path / "budgets.yaml"
    text = json.dumps(HOSTILE)
    for row in (f"source: {text}, name: x", f"source: x, name: {text}", f"{text}: x, name: x, source: x"):
        path.write_text(f"budgets:\n- {{path: deadline, limit_us: 1, {row}}}")
        done = edgecsi("budgets", "--budgets", path)
        assert_clean(done.stdout)
        if done.code:
            assert_one_line(done)


@pytest.fixture(scope="module")
def report():
    """JSON of a real report."""
    folder = Path(__file__).parents[2] / "benchmarks" / "results"
    for path in sorted(folder.rglob("*.json")):
        try:
            LatencyReport.model_validate_json(path.read_bytes())
        except ValueError:
            continue
        return json.loads(path.read_text())
    pytest.skip("no report is here")


def test_no_string_of_a_report_reaches_terminal_or_page(report, tmp_path):
    path, html = tmp_path / "report.json", tmp_path / "page.html"
    for place in sample(strings(report), 40):
        path.write_text(json.dumps(changed(report, place, HOSTILE)))
        done = edgecsi("latency-report", "--from", path, "--html", html)
        assert_clean(done.stdout)
        if done.code:
            assert_one_line(done)
        else:
            assert_clean(html.read_text())


WRONG = (None, True, -1, 10**400, 1e308, "x", [], {}, [[]] * 9, {"a": {}}, "\ud800")


def test_wrong_types_anywhere_are_one_line(report, tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi").path
    manifest = json.loads((bundle / "manifest.json").read_text())
    for _ in range(60):
        for kind, value in (("report", report), ("manifest", manifest)):
            place = SEEDED.choice(list(strings(value)))
            text = json.dumps(changed(value, place, SEEDED.choice(WRONG)))
            if kind == "report":
                (tmp_path / "r.json").write_text(text)
                done = edgecsi("latency-report", "--from", tmp_path / "r.json")
            else:
                (bundle / "manifest.json").write_text(text)
                done = edgecsi("inspect", bundle)
            assert_clean(done.stdout)
            if done.code:
                assert_one_line(done)


DEEP = {
    "list": "[" * 100_000,
    "map": '{"a":' * 100_000,
    "closed": "[" * 20_000 + "]" * 20_000,
    "empty": "",
    "null": "null",
    "number": "1" * 5000,
    "binary": "\x00\x01\x1b[31m",
    "utf-16": "{\ufeff}",
    "anchors": "a: &a [x]\nb: [*a, *a]",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_and_odd_files_are_one_line(tmp_path, name):
    path = tmp_path / "file"
    path.write_text(DEEP[name])
    bundle = tmp_path / "a.edgecsi"
    bundle.mkdir()
    (bundle / "manifest.json").write_text(DEEP[name])
    assert_one_line(edgecsi("latency-report", "--from", path))
    assert_one_line(edgecsi("budgets", "--budgets", path))
    assert_one_line(
        edgecsi("compress", "--target", "ort-fp32", "--config", path, "--dry-run", "-o", tmp_path / "o")
    )
    assert_one_line(edgecsi("data", "info", path))
    assert_one_line(edgecsi("inspect", bundle))
    assert_one_line(edgecsi("verify", bundle))
    assert_one_line(edgecsi("data", "import", "--history", path, "--future", path, "-o", tmp_path / "o.h5"))


def test_folders_devices_and_large_files_are_one_line(tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for place in (tmp_path, "/dev/zero", "/dev/null", large, fifo, tmp_path / "none", "/proc/self/mem"):
        for arguments in (
            ("latency-report", "--from", place),
            ("budgets", "--budgets", place),
            ("compress", "--target", "ort-fp32", "--config", place, "--dry-run", "-o", tmp_path / "o"),
            ("data", "info", place),
            ("inspect", place),
            ("data", "import", "--history", place, "--future", place, "-o", tmp_path / "o.h5"),
        ):
            done = edgecsi(*arguments)
            assert_clean(done.stdout + done.stderr)
            if done.code == 2:  # click: a folder where it wants a file
                assert "Error: " in done.stderr
            else:
                assert_one_line(done)


def test_what_nobody_foresaw_is_one_line_too(monkeypatch):
    from edgecsi.latency import budget_file

    def fail(path):
        raise RuntimeError("odd \x1b[31m\nthing")

    monkeypatch.setattr(budget_file, "load_budgets", fail)
    done = edgecsi("budgets")
    assert done.code == 1
    assert done.stderr.startswith("edgecsi: error: not foreseen: RuntimeError: odd \ufffd[31m thing; ")
    assert done.stderr.count("\n") == 1


def test_attributes_of_a_page_are_clean_too():
    text = page("x\x1b", element("a", "\x9b", href="\x1b\u202e"))
    assert_clean(text)


def test_an_ascii_terminal_gets_something(tmp_path):
    bundle = tiny_bundle.write(tmp_path / "a.edgecsi", warnings=("zu schnell: für 2 Nutzer …",)).path
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for arguments in (
        ["inspect", bundle],
        ["verify", bundle],
        ["budgets"],
        ["data", "info", "…"],
        ["--help"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "edgecsi", *map(str, arguments)], capture_output=True, env=environment
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        assert done.returncode == (1 if "…" in arguments else 0)
        assert done.stdout.isascii()


def test_a_decimal_comma_changes_nothing(tmp_path):
    names = ("de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8")
    old = locale.setlocale(locale.LC_ALL)
    expected = edgecsi("budgets").stdout
    for name in names:
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        try:
            assert edgecsi("budgets").stdout == expected
            path = tmp_path / "b.yaml"
            path.write_text("budgets:\n- {name: x, path: deadline, limit_us: 2.5e1, source: x}")
            assert "25" in edgecsi("budgets", "--budgets", path).stdout
            path.write_text("budgets:\n- {name: x, path: deadline, limit_us: '2,5', source: x}")
            assert_one_line(edgecsi("budgets", "--budgets", path))
        finally:
            locale.setlocale(locale.LC_ALL, old)
        return
    pytest.skip("no locale with a decimal comma is here")
