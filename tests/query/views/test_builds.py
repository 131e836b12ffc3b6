"""Builds: one is made where there is none, CURRENT names it, and what cannot be used is refused in a line."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from freezegun import freeze_time

from query.views.errors import BadViewsError, StaleCheckpointError, ViewUnavailableError
from query.views.model import Build
from query.views.opening import open_builds, open_reader, open_writer
from query.views.sqlite import views_folder
from query.views.sqlite.connection import create_database, open_for_writing
from query.views.sqlite.file_system import file_system_of, refuse_network
from query.views.sqlite.schema import FORMAT_VERSION, TABLES
from query.views.store import ViewWriter
from tests.query.views.answers import read
from tests.query.views.changes import START_MS, TOPIC, TOPIC_ID, Feed

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "views"


def writer_of(folder: Path, **projections: int) -> ViewWriter:
    return open_writer(f"sqlite:///{folder}", projections=projections or {"samples": 1}, retention_ms=None)


def next_build(folder: Path) -> str:
    """Make another build, and have it read."""
    with views_folder.locked(folder):
        name, unfinished = views_folder.begin(folder)
        description = (name, FORMAT_VERSION, '{"samples": 1}', 0)
        create_database(unfinished / views_folder.DATABASE_NAME, TABLES, description)
        views_folder.finish(folder, name, unfinished)
        views_folder.make_current(folder, name)
    return name


# --- the first build ---------------------------------------------------------------------------


@freeze_time("2026-11-23T10:00:00Z")
def test_a_writer_makes_the_first_build(folder: Path) -> None:
    """It says which format and projections it has, and when it was made."""
    writer = writer_of(folder, samples=2, latest=1)
    assert (
        Build(writer.build.name, FORMAT_VERSION, {"latest": 1, "samples": 2}, 1_795_428_000_000)
        == writer.build
    )
    assert f"{writer.build.name}\n" == (folder / "CURRENT").read_text()
    reader = open_reader(f"sqlite:///{folder}")
    assert writer.build == reader.status().build
    reader.close()
    writer.close()


def test_there_is_no_view_before(folder: Path) -> None:
    """A reader says so, and makes nothing."""
    reader = open_reader(f"sqlite:///{folder}")
    with pytest.raises(ViewUnavailableError, match=r"no view in .* yet"):
        reader.gpus()
    assert not folder.exists()


def test_processes_that_start_at_once_agree(folder: Path) -> None:
    """One of them makes the build, and all write to it."""
    program = (
        "import sys; from query.views.opening import open_writer;"
        "sys.stdin.readline();"
        "print(open_writer(sys.argv[1], projections={'samples': 1}, retention_ms=None).build.name)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, f"sqlite:///{folder}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    names = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert names == {path.parent.name for path in folder.glob("*/view.sqlite")}
    assert 1 == len(names)


def test_a_process_that_dies_while_it_makes_a_build(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each flush: the next one makes it, and what was left behind goes."""
    flush, left, rounds = os.fsync, 0, 0

    def die(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", die)
    while True:
        rounds += 1
        left = rounds
        try:
            writer_of(folder).close()
        except KeyboardInterrupt:
            left = -1
            writer_of(folder).close()
            assert [] == list(folder.glob("unfinished-*"))
            reader = open_reader(f"sqlite:///{folder}")
            assert [] == list(reader.gpus())
            reader.close()
            shutil.rmtree(folder)
        else:
            break
    assert 1 + 5 == rounds


@pytest.mark.parametrize("step", range(1, 6))
def test_a_disk_that_fills_while_a_build_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """At each flush: it may be tried again, and succeeds once there is room."""
    flush, left = os.fsync, step

    def fail(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ViewUnavailableError, match=r"a build cannot be made in .* \(No space left"):
        writer_of(folder)
    writer_of(folder).close()
    assert [] == list(folder.glob("unfinished-*"))


# --- following CURRENT -------------------------------------------------------------------------


def test_all_follow_current(folder: Path) -> None:
    """A writer from its next call on, a reader too; a listing ends on the build that it began on."""
    feed, writer, reader = Feed(), writer_of(folder), open_reader(f"sqlite:///{folder}")
    feed.event("gpu-a", START_MS, {"X": 1.0})
    first = feed.batch()
    writer.apply(first)
    listing = reader.entries("gpu-a")
    assert 1 == len(next(listing))
    name = next_build(folder)
    assert [] == list(listing)
    assert name == reader.status().build.name
    assert [] == read(reader, "gpu-a")
    assert {} == writer.partition_states(TOPIC, TOPIC_ID)
    writer.apply(first)
    assert name == writer.build.name
    assert 1 == len(read(reader, "gpu-a"))
    reader.close()
    writer.close()


def test_views_that_were_deleted_are_made_anew(folder: Path) -> None:
    """Under a running writer, which is told that its checkpoints are gone; a reader sees the new ones."""
    feed, writer, reader = Feed(), writer_of(folder), open_reader(f"sqlite:///{folder}")
    feed.event("gpu-a", START_MS, {"X": 1.0})
    first = feed.batch()
    writer.apply(first)
    assert 1 == len(read(reader, "gpu-a"))
    shutil.rmtree(folder)
    feed.event("gpu-a", START_MS + 1, {"X": 2.0})
    with pytest.raises(StaleCheckpointError):
        writer.apply(feed.batch())
    assert [] == list(reader.gpus())
    writer.apply(first)
    assert 1 == len(read(reader, "gpu-a"))
    reader.close()
    writer.close()


# --- what is refused ---------------------------------------------------------------------------


def test_other_projections_are_refused(folder: Path) -> None:
    """In a line that says what to do."""
    writer_of(folder, samples=1).close()
    with pytest.raises(BadViewsError, match=r"\(samples 1\) than .* \(samples 2\); collectors make"):
        writer_of(folder, samples=2)


def test_another_format_is_refused(folder: Path) -> None:
    """By writers and readers."""
    writer = writer_of(folder)
    database = views_folder.database_of(folder, writer.build.name)
    writer.close()
    connection = open_for_writing(database)
    connection.execute("UPDATE view SET format_version = 99")
    connection.close()
    with pytest.raises(BadViewsError, match=rf"has format 99, .* reads {FORMAT_VERSION}; collectors make"):
        writer_of(folder)
    with pytest.raises(BadViewsError, match="has format 99"):
        open_reader(f"sqlite:///{folder}").gpus()


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    """And left as it was."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadViewsError, match=r"something else than views \(thesis.txt\)"):
        writer_of(tmp_path)
    assert ["thesis.txt"] == os.listdir(tmp_path)


def test_a_volume_of_its_own(tmp_path: Path) -> None:
    """Holds views, though a fresh one of ext4 is not empty."""
    (tmp_path / "lost+found").mkdir()
    writer_of(tmp_path).close()
    assert {"CURRENT", "lock", "lost+found"} < set(os.listdir(tmp_path))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """For readers and writers."""
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(BadViewsError, match="is no folder"):
        writer_of(file)
    with pytest.raises(BadViewsError, match="is no folder"):
        open_reader(f"sqlite:///{file}").gpus()


def test_a_folder_that_cannot_be_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is read-only."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BadViewsError, match=r"views cannot be kept in .*: Read-only file system"):
        writer_of(folder)


def test_a_file_system_without_locks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cannot keep views."""

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(BadViewsError, match=r"cannot lock files \(Operation not supported\); choose a local"):
        writer_of(folder)


def test_a_current_that_cannot_be_read(folder: Path) -> None:
    """May be so for a moment only."""
    writer_of(folder).close()
    (folder / "CURRENT").unlink()
    (folder / "CURRENT").symlink_to("CURRENT")
    with pytest.raises(ViewUnavailableError, match="CURRENT cannot be read"):
        open_reader(f"sqlite:///{folder}").gpus()


@pytest.mark.parametrize("text", ["", "../other\n", "000001\n", "\xff"])
def test_a_current_that_names_no_build(folder: Path, text: str) -> None:
    """Is no way out of the folder."""
    writer_of(folder).close()
    (folder / "CURRENT").write_text(text, encoding="latin-1")
    with pytest.raises(BadViewsError, match="CURRENT names no build"):
        open_reader(f"sqlite:///{folder}").gpus()


MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
36 35 {device} / / rw,noatime master:1 shared:2 - {kind} server:/export rw
"""


@pytest.mark.parametrize(
    "kind",
    [
        "nfs4",
        "cifs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.rclone",
        "fuse.glusterfs",
        "fuse.davfs",
    ],
)
def test_network_file_systems_are_refused(tmp_path: Path, kind: str) -> None:
    """As the kernel's list of mounts names them."""
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(device=f"{os.major(device)}:{os.minor(device)}", kind=kind))
    with pytest.raises(BadViewsError, match=f"network file system .{kind}.; keep views on a local disk"):
        refuse_network(tmp_path, mounts)


def test_other_file_systems_are_not(tmp_path: Path) -> None:
    """Local ones, and those that cannot be told."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(device="999:1", kind="nfs4"))
    refuse_network(tmp_path, mounts)
    refuse_network(tmp_path, tmp_path / "none")
    refuse_network(tmp_path)
    assert file_system_of(tmp_path / "none") is None


@pytest.mark.parametrize(
    "url",
    ["views", "http://x", "sqlite://relative", "sqlite:///", "sqlite:///a?b=c", "memory://", "memory://a/b"],
)
def test_bad_addresses(url: str) -> None:
    """One line that shows right ones."""
    with pytest.raises(BadViewsError, match=r"use sqlite:///DIR .* or memory://NAME"):
        open_reader(url)
    with pytest.raises(BadViewsError, match=r"use sqlite:///DIR .* or memory://NAME"):
        open_writer(url, projections={}, retention_ms=None)


def test_an_address_with_a_password_is_not_repeated() -> None:
    """It may end up in a log."""
    with pytest.raises(BadViewsError) as refusal:
        open_reader("sqlite://me:secret@host/views")
    assert "secret" not in str(refusal.value)


def test_a_name_in_memory_is_shared(seed: int) -> None:
    """By all that open it in this process."""
    url = f"memory://test-{seed}"
    writer, reader = open_writer(url, projections={"samples": 1}, retention_ms=None), open_reader(url)
    assert writer.build == reader.status().build


# --- beside the current one ----------------------------------------------------------------------


def test_readers_leave_out_what_cannot_be_read(folder: Path) -> None:
    """A build beside that is damaged, gone in part or of another format hides none of the others."""
    writer = writer_of(folder)
    reader, beside = open_reader(f"sqlite:///{folder}"), open_builds(f"sqlite:///{folder}")
    damaged, gone, other, sound = [beside.begin({"samples": number}) for number in range(2, 6)]
    assert [damaged, gone, other, sound] == [one.build for one in reader.beside()]
    (folder / damaged.name / "view.sqlite").write_bytes(b"\0" * 8192)
    (folder / gone.name / "view.sqlite").unlink()
    connection = open_for_writing(folder / other.name / "view.sqlite")
    connection.execute("UPDATE view SET format_version = 99")
    connection.close()
    assert [sound] == [one.build for one in reader.beside()]
    for each in (reader, beside, writer):
        each.close()
