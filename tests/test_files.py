import os

import pytest

from edgecsi import files
from edgecsi.files import atomic_file, atomic_folder, old_name, recover_folder, sweep, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path):
    with atomic_file(tmp_path / "a" / "x") as temporary:
        temporary.write_text("new")
        assert names(tmp_path / "a") != ["x"]
    assert (tmp_path / "a" / "x").read_text() == "new"
    assert names(tmp_path / "a") == ["x"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "x") as temporary:
        temporary.write_text((tmp_path / "missing").read_text())
    assert (tmp_path / "x").read_text() == "old"
    assert names(tmp_path) == ["x"]


def test_a_folder_takes_the_place_of_the_old_one(tmp_path):
    for text in ("old", "new"):
        with atomic_folder(tmp_path / "d") as temporary:
            (temporary / text).write_text(text)
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == ["new"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    with atomic_folder(tmp_path / "d") as temporary:
        (temporary / "old").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "d") as temporary:
        raise RuntimeError
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == ["old"]


@pytest.mark.parametrize("mend", [recover_folder, sweep])
def test_a_kill_between_the_two_renames_is_undone(tmp_path, mend):
    old_name(tmp_path / "d").mkdir()
    (tmp_path / ".d.abc.tmp").mkdir()
    mend(tmp_path / "d")
    sweep(tmp_path / "d")
    assert names(tmp_path) == ["d"]


def test_a_leftover_of_a_folder_that_somebody_removed_is_not_restored(tmp_path):
    old_name(tmp_path / "d").mkdir()
    recover_folder(tmp_path / "d")
    assert names(tmp_path) == [".d.old"]
    with atomic_folder(tmp_path / "d"):
        pass
    recover_folder(tmp_path / "d")
    assert names(tmp_path) == ["d"]


def test_ctrl_c_between_the_two_renames_brings_the_old_folder_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "exchange", lambda one, other: False)
    with atomic_folder(tmp_path / "d") as temporary:
        (temporary / "old").touch()
    rename, left = os.rename, 1

    def mortal(*names):
        nonlocal left
        left -= 1
        if left == -1:
            raise KeyboardInterrupt
        rename(*names)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", mortal)
        with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "d") as temporary:
            (temporary / "new").touch()
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == ["old"]


def test_sweeping_takes_only_leftovers_of_that_name(tmp_path):
    (tmp_path / ".d.abc.tmp").mkdir()
    (tmp_path / ".e.abc.tmp").write_text("of another")
    sweep(tmp_path / "d")
    assert names(tmp_path) == [".e.abc.tmp"]


def test_json_refuses_what_json_has_not(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"nmse": float("nan")})
    assert names(tmp_path) == []
