import os
import re
import subprocess
import sys

import pytest

from edgecsi import files
from edgecsi.files import (
    atomic_file,
    atomic_folder,
    copy_folder,
    old_name,
    recover_folder,
    sweep,
    sweep_folder,
    write_json,
)


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


@pytest.fixture
def umask():
    """Set the umask for one test."""
    old = os.umask(0o022)
    yield os.umask
    os.umask(old)


def rights(path):
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize(
    ("mask", "folder", "file"),
    [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600), (0o002, 0o775, 0o664), (0o027, 0o750, 0o640)],
)
def test_rights_are_those_of_any_new_file(tmp_path, umask, mask, folder, file):
    umask(mask)
    with atomic_file(tmp_path / "x") as temporary:
        assert rights(temporary) == file
    with atomic_folder(tmp_path / "d") as temporary:
        (temporary / "y").write_text("")
    write_json(tmp_path / "x.json", 1)
    assert [rights(tmp_path / name) for name in ("x", "x.json", "d", "d/y")] == [file, file, folder, file]


def test_a_new_folder_keeps_the_group_bit_of_its_parent(tmp_path, umask):
    umask(0o002)
    tmp_path.chmod(0o2775)
    with atomic_folder(tmp_path / "d"):
        pass
    assert rights(tmp_path / "d") == 0o2775


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_new_file_belongs_to_the_group_of_its_folder(tmp_path):
    os.chown(tmp_path, -1, 4321)
    tmp_path.chmod(0o2775)
    write_json(tmp_path / "x.json", 1)
    with atomic_folder(tmp_path / "d") as temporary:
        (temporary / "y").write_text("")
    assert {(tmp_path / name).stat().st_gid for name in ("x.json", "d", "d/y")} == {4321}


def test_copies_have_the_rights_of_new_files(tmp_path, umask):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_text("x")
    for path in (tmp_path / "a" / "b" / "x", tmp_path / "a" / "b", tmp_path / "a"):
        path.chmod(0o700)
    umask(0o022)
    with atomic_folder(tmp_path / "c") as temporary:
        copy_folder(tmp_path / "a", temporary)
    assert [rights(tmp_path / name) for name in ("c", "c/b", "c/b/x")] == [0o755, 0o755, 0o644]


WRITER = """
import sys, time
from pathlib import Path
from edgecsi.files import atomic_file, atomic_folder
with atomic_file(Path(sys.argv[1]) / "x") as file, atomic_folder(Path(sys.argv[1]) / "d") as folder:
    file.write_text("x" * 1000)
    (folder / "y").write_text("y")
    print("written", flush=True)
    time.sleep(60)
"""


def test_any_write_clears_what_the_dead_left_and_nothing_of_the_living(tmp_path):
    def start():
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "written\n"
        return process

    dead, living = start(), start()
    try:
        dead.kill()
        dead.wait()
        assert len(names(tmp_path)) == 4
        (tmp_path / ".notes.tmp").write_text("of somebody else")
        write_json(tmp_path / "other.json", 1)
        left = names(tmp_path)
        assert len(left) == 4
        assert len([name for name in left if f"_{living.pid}_" in name]) == 2
        sweep(tmp_path / "x")
        assert names(tmp_path) == left
    finally:
        living.kill()
        living.communicate()
        dead.communicate()
    sweep_folder(tmp_path)
    assert names(tmp_path) == [".notes.tmp", "other.json"]


def test_a_number_that_another_process_has_now_is_no_life_sign(tmp_path):
    with atomic_file(tmp_path / "x") as temporary:
        old = re.sub(rf"_{os.getpid()}_\d+_", f"_{os.getpid()}_1_", temporary.name)
        (tmp_path / old).write_text("of a process before")
        sweep_folder(tmp_path)
        assert names(tmp_path) == [temporary.name]


@pytest.mark.parametrize(("age", "kept"), [(3600, True), (2 * 24 * 3600, False)])
def test_another_machines_temporaries_go_after_a_day(tmp_path, age, kept):
    path = tmp_path / ".x.00000000_1_1_0123abcd.tmp"
    path.write_text("half")
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    sweep_folder(tmp_path)
    assert path.exists() == kept


def test_a_long_name_can_be_written(tmp_path):
    write_json(tmp_path / ("x" * 250), 1)
    assert names(tmp_path) == ["x" * 250]


def test_json_refuses_what_json_has_not(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"nmse": float("nan")})
    assert names(tmp_path) == []
