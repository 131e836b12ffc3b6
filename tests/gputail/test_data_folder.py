"""The folder of `gputail up`: its places, its lock, its size."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gputail.data_folder import LOCK_NAME, DataFolder, FolderInUseError


def test_a_folder_is_made_and_locked(tmp_path: Path) -> None:
    """The second user is told who the first is; when that has gone, it gets in."""
    first, second = DataFolder(tmp_path / "a" / "b"), DataFolder(tmp_path / "a" / "b")
    first.acquire()

    with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}.*--data-dir") as caught:
        second.acquire()
    assert not caught.value.is_orphaned

    first.release()
    second.acquire()
    second.release()


def test_a_lock_that_a_child_inherited_outlives_its_owner(tmp_path: Path) -> None:
    """Whoever finds it is told that the owner has gone, so that waiting helps."""
    folder = DataFolder(tmp_path)
    folder.acquire()
    child = subprocess.Popen(["sleep", "60"], pass_fds=[folder.lock_fd])
    folder.release()
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    (tmp_path / LOCK_NAME).write_bytes(gone.stdout)

    with pytest.raises(FolderInUseError, match="children of a gputail up that was killed") as caught:
        DataFolder(tmp_path).acquire()
    assert caught.value.is_orphaned

    child.kill()
    child.wait()
    DataFolder(tmp_path).acquire()


def test_a_child_that_lives_on_is_named(tmp_path: Path) -> None:
    """By its name and its process, so that it can be ended; those that have gone are not."""
    folder = DataFolder(tmp_path)
    folder.acquire()
    with subprocess.Popen(["sleep", "60"], pass_fds=[folder.lock_fd]) as child:
        gone = subprocess.run(
            [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
        )
        folder.note_children({"broker": child.pid, "api": int(gone.stdout)})
        text = (tmp_path / LOCK_NAME).read_bytes()
        folder.release()
        (tmp_path / LOCK_NAME).write_bytes(text.replace(b"%d\n" % os.getpid(), gone.stdout, 1))

        with pytest.raises(FolderInUseError) as caught:
            DataFolder(tmp_path).acquire()
        child.kill()
    assert (
        f"{tmp_path} is in use by broker (process {child.pid}) of a gputail up that was killed: "
        "end it first, or name another folder with --data-dir"
    ) == str(caught.value)


def test_whoever_reads_while_children_are_noted_finds_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a longer text before it, a process of which somebody might end."""
    folder, found = DataFolder(tmp_path), []
    folder.acquire()
    folder.note_children({"broker": 1_234_567, "collector-2": 1_234_568})
    monkeypatch.setattr(os, "ftruncate", lambda *_: found.append(folder.children()))
    folder.note_children({"broker": 17})
    folder.release()
    assert [{"broker": 17}] == found


def test_a_link_to_nothing_is_an_error(tmp_path: Path) -> None:
    """Which says what it is."""
    (tmp_path / "link").symlink_to(tmp_path / "gone")

    with pytest.raises(FileNotFoundError, match=r"a link to .*gone, which is not there"):
        DataFolder(tmp_path / "link").acquire()


def test_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    """It is no folder, and stays what it is."""
    (tmp_path / "file").write_text("precious")

    with pytest.raises(FileExistsError):
        DataFolder(tmp_path / "file").acquire()
    assert "precious" == (tmp_path / "file").read_text()


def test_the_size_is_that_of_all_files(tmp_path: Path) -> None:
    """In whatever folder they are."""
    folder = DataFolder(tmp_path / "data")
    folder.acquire()
    empty = folder.size_bytes()
    (folder.path / "log" / "topics").mkdir(parents=True)
    (folder.path / "log" / "topics" / "a.log").write_bytes(b"x" * 1000)
    (folder.logs / "api.log").write_bytes(b"x" * 24)
    folder.release()

    assert 1024 == folder.size_bytes() - empty
    assert 0 == DataFolder(tmp_path / "none").size_bytes()


def test_the_views_have_one_address_wherever_a_child_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is absolute."""
    monkeypatch.chdir(tmp_path)

    assert f"sqlite:///{tmp_path}/data/views" == DataFolder(Path("data")).views_url
