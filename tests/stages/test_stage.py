"""Stage and cache, with stages of a few bytes."""

import json
import threading
import time

import pytest

from edgecsi.stages import code
from edgecsi.stages import stage as stage_module
from edgecsi.stages.cache import StageCache
from edgecsi.stages.stage import STAGES, Stage, StageOptions, StageRow


class Options(StageOptions):
    size: int = 3


class Maker:
    """A stage's work, which counts its calls."""

    def __init__(self, fail=False):
        self.calls, self.fail = 0, fail

    def __call__(self, options, inputs, folder):
        self.calls += 1
        (folder / "deep").mkdir(exist_ok=True)
        (folder / "deep" / "result").write_text("bytes")
        if self.fail:
            raise ValueError("stopped")


def row(run, name="toy", libraries=("numpy",), module=__name__):
    return StageRow(name, "toy", run, Options, libraries=lambda options: libraries, module=module)


def stage(run, options=None, inputs=None, **facts):
    return Stage(row(run, **facts), options or Options(), inputs or {"data": ("a", None)})


@pytest.fixture
def cache(tmp_path):
    return StageCache(tmp_path / "cache")


@pytest.fixture
def maker():
    return Maker()


@pytest.fixture
def toy(maker):
    return stage(maker)


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
    resumed = stage(lambda options, inputs, folder: seen.extend(folder.rglob("result")))
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

    def slow(options, inputs, folder):
        started.set()
        time.sleep(0.2)
        (folder / "result").write_text("bytes")

    first = threading.Thread(target=cache.get, args=[stage(slow)])
    first.start()
    started.wait()
    second = Maker()
    StageCache(cache.root).get(stage(second))
    first.join()
    assert second.calls == 0


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"options": Options(size=4)},
        {"inputs": {"data": ("b", None)}},
        {"libraries": ("numpy", "onnx")},
        {"module": "edgecsi.radio"},
    ],
)
def test_everything_that_the_result_depends_on_is_in_the_key(maker, change):
    assert stage(maker).key == stage(maker).key
    assert stage(maker, **change).key != stage(maker).key


def test_where_an_input_lies_is_not_in_the_key(maker, tmp_path):
    assert stage(maker, inputs={"data": ("a", tmp_path)}).key == stage(maker).key


def test_another_version_of_a_library_is_another_key(maker, monkeypatch):
    key = stage(maker).key
    monkeypatch.setattr(stage_module, "version", lambda name: "0.0.1")
    assert stage(maker).key != key


def test_the_record_names_every_file_and_the_options(cache, toy):
    record = json.loads((cache.get(toy) / "stage.json").read_text())
    assert list(record["files"]) == ["deep/result"]
    assert record["options"] == {"size": 3}


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A package of two modules, of which `a` imports `b` inside a function."""
    monkeypatch.setattr(code, "PACKAGE", "toyhouse")
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "toyhouse"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("def run():\n    from toyhouse.b import value\n    return value\n")
    (folder / "b.py").write_text('"""A value."""\n\nvalue = 1\n')
    (folder / "c.py").write_text("other = 1\n")
    clear()
    yield folder
    clear()


def clear():
    for cached in (code._source, code._tree, code._imports, code._meaning):
        cached.cache_clear()


def digest_with(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    clear()
    return code.code_digest(["toyhouse.a"])


def test_code_that_a_stage_imports_is_in_its_digest(sources):
    first = digest_with(sources)
    assert code.closure(["toyhouse.a"]) == {"toyhouse.a", "toyhouse.b"}
    assert digest_with(sources, b="value = 2\n") != first


def test_comments_docstrings_layout_and_other_modules_are_not(sources):
    first = digest_with(sources)
    assert digest_with(sources, b='"""Another word."""\n# why\nvalue   =  1\n', c="other = 2\n") == first


def test_the_code_of_a_network_is_in_the_key_of_what_it_makes():
    from edgecsi.stages import graph

    names = ("csi-alm-light", "csi-alm-light-ad")
    modules = [code.closure(graph.ROW.modules(graph.Options(network=name))) for name in names]
    assert "edgecsi.models.csi_alm_light_ad" in modules[1] - modules[0]
    assert "edgecsi.models.linear_prediction" in modules[1]


JUDGED = {
    "graph": {"network": "csi-alm-light"},
    "proof": {"target": "ort-fp32", "network": "csi-alm-light"},
    "scores": {"networks": ("csi-alm-light",)},
    "relation-targets": {"teacher": "csi-alm"},
    "calibration": {},
    "quantized": {},
}


@pytest.mark.parametrize("name", JUDGED)
def test_the_code_of_the_task_is_in_the_key_of_what_judges_by_it(name):
    row = STAGES.get(name)
    modules = [row.module, *row.modules(row.options(**JUDGED[name]))]
    assert {"edgecsi.tasks.csi", "edgecsi.tasks.noise"} <= code.closure(modules)
