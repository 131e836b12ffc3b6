"""Builds in a folder that are damaged, deleted or replaced, under those that have them open."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from query.views.building import Builds
from query.views.errors import (
    BadViewsError,
    DamagedViewError,
    GoneViewError,
    OtherBuildError,
    ViewUnavailableError,
)
from query.views.sqlite import snapshot
from query.views.sqlite.connection import open_for_writing
from query.views.sqlite.schema import FORMAT_VERSION
from query.views.store import ViewWriter
from tests.query.views.changes import SEEN_MS, TOPIC, TOPIC_ID
from tests.query.views.contract_building import OTHER_PROJECTIONS, begun, end_of, fill, roles
from tests.query.views.copies import copy_while_others_write, restore_damaged
from tests.query.views.known_log import BATCH_RECORDS
from tests.query.views.place import PROJECTIONS
from tests.query.views.sqlite_place import SqlitePlace

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    place = SqlitePlace(tmp_path / "views")
    yield place
    place.close()


def current_database(place: SqlitePlace) -> Path:
    return place.folder / (place.folder / "CURRENT").read_text().strip() / "view.sqlite"


def replace_current(builds: Builds, batches: int) -> None:
    """What collectors do about a build that cannot be used."""
    builds.make_current(begun(builds, batches), replacing=builds.current_name())


# --- gone ----------------------------------------------------------------------------------------


def delete_file(database: Path) -> None:
    database.unlink()


def delete_build(database: Path) -> None:
    shutil.rmtree(database.parent)


@pytest.mark.parametrize("delete", [delete_file, delete_build])
def test_a_build_that_is_deleted_while_it_is_open(place: SqlitePlace, delete: Callable[[Path], None]) -> None:
    """Takes no rows that nobody could read: all are told, and go on with another build."""
    writer, reader, builds = place.writer(), place.reader(), place.builds()
    fill(writer, 2)
    assert 2 * BATCH_RECORDS == end_of(reader)
    delete(current_database(place))
    with pytest.raises(GoneViewError, match=r"files of .* were removed; collectors make the views anew"):
        fill(writer, 1, 2 * BATCH_RECORDS)
    refusals: list[Callable[[], object]] = [reader.gpus, builds.current, place.writer]
    for refused in refusals:
        with pytest.raises(GoneViewError, match=r"is gone; collectors make the views anew"):
            refused()
    replace_current(builds, 1)
    fill(writer, 1, BATCH_RECORDS)
    assert 2 * BATCH_RECORDS == end_of(reader)
    assert [(writer.build.name, "current")] == roles(builds)


def test_maintenance_of_a_build_that_is_deleted(place: SqlitePlace) -> None:
    """Is told, too, and whatever else a writer is asked for."""
    asks: list[Callable[[ViewWriter], object]] = [
        lambda writer: writer.maintain(SEEN_MS),
        lambda writer: writer.partition_states(TOPIC, TOPIC_ID),
        lambda writer: writer.build,
    ]
    for ask in asks:
        writer = place.writer()
        fill(writer, 1)
        current_database(place).unlink()
        with pytest.raises(GoneViewError):
            ask(writer)
        replace_current(place.builds(), 0)
        ask(writer)


def test_a_write_ahead_log_that_is_deleted(place: SqlitePlace) -> None:
    """Would take rows that nobody could read, as the database itself would."""
    writer = place.writer()
    fill(writer, 2)
    current_database(place).with_name("view.sqlite-wal").unlink()
    with pytest.raises(GoneViewError, match="were removed"):
        fill(writer, 1, 2 * BATCH_RECORDS)


def test_a_database_that_is_replaced(place: SqlitePlace, tmp_path: Path) -> None:
    """Is not the one that is open, though it holds the same: its writer is told."""
    writer, builds = place.writer(), place.builds()
    fill(writer, 1)
    builds.snapshot(writer.build, tmp_path / "copy")
    (tmp_path / "copy").rename(current_database(place))
    with pytest.raises(GoneViewError, match="were removed"):
        fill(writer, 1, BATCH_RECORDS)


def test_a_build_that_is_made_and_deleted(place: SqlitePlace) -> None:
    """By a hand: whoever makes it is told, and it cannot become current."""
    before, builds = place.writer().build, place.builds()
    build = builds.begin(PROJECTIONS)
    writer = builds.open_writer(build, retention_ms=None)
    shutil.rmtree(place.folder / build.name)
    with pytest.raises(GoneViewError):
        fill(writer, 1)
    with pytest.raises(GoneViewError):
        builds.make_current(build)
    assert before == builds.current()
    writer.close()


# --- damaged -------------------------------------------------------------------------------------


def test_a_damaged_current_build(place: SqlitePlace) -> None:
    """Is listed, and replaced as any other; readers and writers go on with the new one."""
    writer, reader, builds = place.writer(), place.reader(), place.builds()
    fill(writer, 2)
    name = writer.build.name
    writer.close()
    current_database(place).write_bytes(b"\0" * 8192)
    refusals: list[Callable[[], object]] = [reader.gpus, builds.current, place.writer]
    for refused in refusals:
        with pytest.raises(DamagedViewError):
            refused()
    [listed] = builds.listing()
    assert (name, "damaged", True, None, None) == (
        listed.name,
        listed.role,
        listed.is_current,
        listed.build,
        listed.checkpoints,
    )
    assert name == builds.current_name()
    replace_current(builds, 3)
    assert 3 * BATCH_RECORDS == end_of(reader)
    assert [(place.writer().build.name, "current")] == roles(builds)


@pytest.mark.parametrize("text", ["", "../other\n", "\xff"])
def test_a_damaged_current(place: SqlitePlace, text: str) -> None:
    """Is damage as any other: the next build takes its place, and nothing outside is touched."""
    other = place.folder.parent / "other"
    other.mkdir()
    place.writer().close()
    (place.folder / "CURRENT").write_text(text, encoding="latin-1")
    builds = place.builds()
    with pytest.raises(DamagedViewError, match="names no build"):
        builds.current()
    with pytest.raises(DamagedViewError, match="names no build"):
        place.writer()
    replace_current(builds, 1)
    assert BATCH_RECORDS == end_of(place.reader())
    assert [(place.writer().build.name, "current")] == roles(builds)
    assert other.is_dir()


def test_a_damaged_build_beside(place: SqlitePlace) -> None:
    """Is neither joined nor made current; a next beginning removes it, and so does its name."""
    place.writer()
    builds = place.builds()
    build, named = begun(builds, 1), begun(builds, 1)
    (place.folder / build.name / "view.sqlite").write_bytes(b"\0" * 8192)
    assert [named] == list(builds.others())
    with pytest.raises(DamagedViewError):
        builds.make_current(build)
    builds.begin(PROJECTIONS)
    assert build.name not in dict(roles(builds))
    (place.folder / named.name / "view.sqlite").write_bytes(b"")
    assert "damaged" == dict(roles(builds))[named.name]
    builds.drop_named(named.name)
    assert named.name not in dict(roles(builds))


def test_a_build_of_another_format(place: SqlitePlace, tmp_path: Path) -> None:
    """Says which it has, and can be neither read, written, copied nor made current; it may be replaced."""
    writer, builds = place.writer(), place.builds()
    name = writer.build.name
    writer.close()
    connection = open_for_writing(current_database(place))
    connection.execute("UPDATE view SET format_version = 99")
    connection.close()
    old = builds.current()
    assert old is not None
    assert (99, PROJECTIONS) == (old.format_version, old.projections)
    refusals: list[Callable[[], object]] = [
        place.writer,
        place.reader().gpus,
        lambda: builds.status(old),
        lambda: builds.snapshot(old, tmp_path / "copy"),
        lambda: builds.open_writer(old, retention_ms=None),
    ]
    for refused in refusals:
        with pytest.raises(
            OtherBuildError, match=f"format 99, and this version reads {FORMAT_VERSION}"
        ) as other:
            refused()
        assert old == other.value.build
    build = builds.begin(PROJECTIONS)
    builds.make_current(build, keep=True)
    [kept, current] = builds.listing()
    assert (name, "kept", None) == (kept.name, kept.role, kept.checkpoints)
    assert build == current.build
    with pytest.raises(OtherBuildError):
        builds.make_current(old)


def test_a_disk_that_is_full(place: SqlitePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets no build be begun; the one that is read goes on."""
    fill(place.writer(), 1)
    builds = place.builds()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(ViewUnavailableError, match=r"builds cannot be made or changed in .* \(No space"):
            builds.begin(PROJECTIONS)
    assert BATCH_RECORDS == end_of(place.reader())
    builds.begin(PROJECTIONS)
    assert [] == list(place.folder.glob("unfinished-*"))


# --- snapshots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [60, pytest.param(2_000, marks=pytest.mark.long)])
def test_a_damaged_snapshot(place: SqlitePlace, tmp_path: Path, seed: int, count: int) -> None:
    """Is restored only if that does not show; else it is refused, and leaves nothing behind."""
    copy, draw = tmp_path / "copy", random.Random(seed)
    restore_damaged(place, copy, draw, count, traces=lambda: sorted(os.listdir(place.folder)))


def test_what_is_no_snapshot(place: SqlitePlace, tmp_path: Path) -> None:
    """The database of a view, of which part may be in another file; one of somebody else; text; a folder."""
    writer, builds = place.writer(), place.builds()
    fill(writer, 1)
    for source in (current_database(place), shutil.copy(current_database(place), tmp_path / "copy")):
        with pytest.raises(BadViewsError, match="is the database of a view, not a snapshot"):
            builds.restore(Path(source))
    connection = apsw.Connection(str(tmp_path / "other"))
    connection.execute("CREATE TABLE view (x)")
    connection.close()
    (tmp_path / "text").write_text("not a database" * 1000)
    for name in ("other", "text"):
        with pytest.raises(DamagedViewError, match=f"{tmp_path / name} is damaged"):
            builds.restore(tmp_path / name)
    with pytest.raises(BadViewsError, match=r"no snapshot at .* \(Is a directory\)"):
        builds.restore(tmp_path)
    assert [(writer.build.name, "current")] == roles(builds)


def test_a_snapshot_of_another_format(place: SqlitePlace, tmp_path: Path) -> None:
    """Or of other projections: the one cannot be read, the other is made anew by collectors."""
    builds = place.builds()
    builds.snapshot(builds.begin(OTHER_PROJECTIONS), tmp_path / "copy")
    assert OTHER_PROJECTIONS == builds.restore(tmp_path / "copy").projections
    connection = open_for_writing(tmp_path / "copy")
    connection.execute("UPDATE view SET format_version = 99")
    connection.close()
    with pytest.raises(OtherBuildError, match=r"copy has format 99"):
        builds.restore(tmp_path / "copy")


def test_a_snapshot_that_cannot_be_written(place: SqlitePlace, tmp_path: Path) -> None:
    """Into a folder that is not there, or among the views, which would not be views alone any more."""
    build, builds = place.writer().build, place.builds()
    with pytest.raises(BadViewsError, match=r"cannot be written to .*/none/copy \(No such file"):
        builds.snapshot(build, tmp_path / "none" / "copy")
    for among in (place.folder / "copy", place.folder / build.name / "copy"):
        with pytest.raises(BadViewsError, match="holds views and nothing else"):
            builds.snapshot(build, among)


COPY_TO_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from query.views.errors import ViewError
from query.views.opening import open_builds

builds = open_builds(f"sqlite:///{sys.argv[1]}")
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
copy, whole = map(Path, sys.argv[2:])
for act in (lambda: builds.snapshot(builds.current(), copy), lambda: builds.restore(whole)):
    try:
        act()
    except ViewError as error:
        print(type(error).__name__, error)
"""


def test_a_disk_that_fills_while_copies_are_made(place: SqlitePlace, tmp_path: Path) -> None:
    """Is told with the place that is full, and leaves nothing there."""
    build, builds = place.writer().build, place.builds()
    builds.snapshot(build, tmp_path / "whole")
    process = subprocess.run(
        [sys.executable, "-c", COPY_TO_A_SMALL_DISK, place.folder, tmp_path / "copy", tmp_path / "whole"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    copied, restored = process.stdout.splitlines()
    assert copied.startswith(f"ViewUnavailableError {tmp_path / 'copy'} cannot be written (")
    assert (
        f"ViewUnavailableError {place.folder} cannot be written (File too large); see to its disk" == restored
    )
    assert ["views", "whole"] == sorted(os.listdir(tmp_path))
    assert [(build.name, "current")] == roles(builds)
    assert [] == list(place.folder.glob("unfinished-*"))


def test_snapshots_while_others_write(
    place: SqlitePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is of one moment, though batches are applied and folded between its pages."""
    monkeypatch.setattr(snapshot, "_STEP_PAGES", 1)
    copy_while_others_write(place, tmp_path)
