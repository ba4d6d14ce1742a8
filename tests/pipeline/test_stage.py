"""Stage and cache, with stages of a few bytes."""

import json
import threading
import time

import pytest

from edgecsi.pipeline import stage as stage_module
from edgecsi.pipeline.stage import Stage, StageCache


class Maker:
    """A stage's work, which counts its calls."""

    def __init__(self, fail=False):
        self.calls, self.fail = 0, fail

    def __call__(self, folder):
        self.calls += 1
        (folder / "deep").mkdir(exist_ok=True)
        (folder / "deep" / "result").write_text("bytes")
        if self.fail:
            raise ValueError("stopped")


@pytest.fixture
def cache(tmp_path):
    return StageCache(tmp_path / "cache")


@pytest.fixture
def maker():
    return Maker()


@pytest.fixture
def toy(maker):
    return Stage("toy", 1, maker, options={"size": 3}, inputs=("a",), libraries=("numpy",))


def test_a_stage_is_made_once(cache, toy, maker):
    folder = cache.get(toy)
    assert cache.get(toy) == folder
    assert (folder / "deep" / "result").read_text() == "bytes"
    assert (maker.calls, cache.made, cache.kept) == (1, ["toy"], ["toy"])


def flip_a_byte(folder):
    (folder / "deep" / "result").write_text("bytez")


def remove_a_file(folder):
    (folder / "deep" / "result").unlink()


def add_a_file(folder):
    (folder / "more").write_text("")


def remove_the_record(folder):
    (folder / "stage.json").unlink()


def cut_the_record(folder):
    (folder / "stage.json").write_text('{"files"')


@pytest.mark.parametrize(
    "damage", [flip_a_byte, remove_a_file, add_a_file, remove_the_record, cut_the_record]
)
def test_a_damaged_entry_is_redone(cache, toy, maker, damage):
    damage(cache.get(toy))
    assert not cache.holds(toy)
    folder = cache.get(toy)
    assert maker.calls == 2
    assert cache.holds(toy)
    assert sorted(path.name for path in folder.iterdir()) == ["deep", "stage.json"]


def test_a_failed_stage_is_no_result_and_goes_on_from_what_it_left(cache, toy, maker):
    maker.fail = True
    with pytest.raises(ValueError, match="stopped"):
        cache.get(toy)
    assert not cache.holds(toy)
    seen = []
    resumed = Stage(
        "toy", 1, lambda folder: seen.extend(folder.rglob("result")), toy.options, toy.inputs, toy.libraries
    )
    assert resumed.key == toy.key
    cache.get(resumed)
    assert len(seen) == 1


def test_what_killed_writers_left_does_not_become_part_of_the_result(cache, toy):
    staging = cache.root / f".toy-{toy.key}.partial"
    staging.mkdir(parents=True)
    (staging / ".result.abc.tmp").write_text("half")
    (staging / ".deep.abc.tmp").mkdir()
    folder = cache.get(toy)
    assert sorted(path.name for path in folder.iterdir()) == ["deep", "stage.json"]


def test_a_kill_before_the_last_rename_costs_nothing(cache, toy, maker):
    folder = cache.get(toy)
    folder.rename(cache.root / f".toy-{toy.key}.partial")
    assert cache.get(toy) == folder
    assert maker.calls == 1


def test_of_two_at_once_one_makes_it(cache, capsys):
    started = threading.Event()

    def slow(folder):
        started.set()
        time.sleep(0.2)
        (folder / "result").write_text("bytes")

    first = threading.Thread(target=cache.get, args=[Stage("toy", 1, slow)])
    first.start()
    started.wait()
    second = Maker()
    StageCache(cache.root).get(Stage("toy", 1, second))
    first.join()
    assert second.calls == 0
    assert "another edgecsi is at it; waiting" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"code_version": 2},
        {"options": {"size": 4}},
        {"inputs": ("b",)},
        {"libraries": ("numpy", "onnx")},
    ],
)
def test_everything_that_the_result_depends_on_is_in_the_key(toy, change):
    facts = {name: getattr(toy, name) for name in ("name", "code_version", "options", "inputs", "libraries")}
    assert Stage(make=toy.make, **facts).key == toy.key
    assert Stage(make=toy.make, **{**facts, **change}).key != toy.key


def test_another_version_of_a_library_is_another_key(toy, monkeypatch):
    key = toy.key
    monkeypatch.setattr(stage_module, "version", lambda name: "0.0.1")
    assert Stage("toy", 1, toy.make, toy.options, toy.inputs, toy.libraries).key != key


def test_the_record_names_every_file(cache, toy):
    record = json.loads((cache.get(toy) / "stage.json").read_text())
    assert list(record["files"]) == ["deep/result"]
