"""What the world does to a database: each is one line of a ViewError, and nothing is half done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from query.views import names
from query.views.errors import BadViewsError, DamagedViewError, GoneViewError, ViewError, ViewUnavailableError
from query.views.sqlite import connection as sqlite_connection
from query.views.sqlite import snapshot as sqlite_snapshot
from query.views.sqlite.connection import open_for_reading, open_for_writing, plain_errors
from query.views.sqlite.database import SQLiteDatabase
from query.views.sqlite.moment import SQLiteMoment
from query.views.writing import BlockViewWriter
from tests.query.views.answers import entries_of, read
from tests.query.views.changes import TOPIC_ID, Feed, Fleet, label_set
from tests.query.views.place import PROJECTIONS
from tests.query.views.small_view import FLEET, database, fill
from tests.query.views.sqlite_place import SqlitePlace, WatchedFolder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    place = SqlitePlace(tmp_path / "views")
    yield place
    place.close()


def test_a_reader_remembers_no_more_label_sets_than_it_may(
    place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pods come and go: it looks them up again, and answers the same."""
    monkeypatch.setattr(names, "_REMEMBERED_MAX", 3)
    fill(place)
    connection, some = open_for_reading(database(place)), names.Names()
    moment = SQLiteMoment(connection)
    numbers = [number for (number,) in connection.execute("SELECT id FROM label_sets ORDER BY id")]
    assert len(numbers) > 6
    every = names.Names().label_sets(moment, numbers)
    for start in range(len(numbers) - 1):
        assert every[start : start + 2] == some.label_sets(moment, numbers[start : start + 2])
        assert len(some._label_sets) <= 3
    connection.close()


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be one" * 200])
def test_a_file_that_is_no_database(place: SqlitePlace, content: bytes) -> None:
    """Is not taken for a view."""
    fill(place)
    database(place).write_bytes(content)
    with pytest.raises(BadViewsError, match=f"gputail replay --views sqlite:///{place.folder}"):
        place.reader().gpus()


def test_a_database_of_somebody_else(place: SqlitePlace) -> None:
    """Even one with the right name."""
    fill(place)
    path = database(place)
    path.unlink()
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE view (x)")
    connection.close()
    with pytest.raises(BadViewsError, match="is no view of gputail"):
        place.writer()


def test_a_database_that_is_gone(place: SqlitePlace) -> None:
    """Though CURRENT names it."""
    fill(place)
    path = database(place)
    path.unlink()
    with pytest.raises(GoneViewError, match=f"{path} is gone; collectors make the views anew"):
        place.reader().gpus()


# --- writing -----------------------------------------------------------------------------------


def test_a_reader_cannot_write(place: SqlitePlace) -> None:
    """Whatever it is told."""
    fill(place)
    connection = open_for_reading(database(place))
    for sql in ("DELETE FROM tails", "PRAGMA query_only = 0; DELETE FROM tails", "CREATE TABLE x (y)"):
        with pytest.raises(apsw.ReadOnlyError):
            connection.execute(sql)
    connection.close()


def test_a_full_disk(place: SqlitePlace) -> None:
    """Is a line; nothing of the batch is there, its names neither; it is applied once there is room."""
    feed = fill(place)
    path = database(place)
    before = read(place.reader(), FLEET.gpu_id(0))
    folder = WatchedFolder(place.folder)
    writer = BlockViewWriter(SQLiteDatabase(folder), projections=PROJECTIONS)
    [connection] = folder.connections
    connection.pragma("max_page_count", connection.pragma("page_count"))
    big = Fleet(300, seed=9)
    rows = [row for tick in big.ticks(feed, 20) for row in tick]
    changes = feed.batch()
    with pytest.raises(ViewUnavailableError, match=f"the disk of {path} is full"):
        writer.apply(changes)
    assert before == read(place.reader(), FLEET.gpu_id(0))
    assert place.reader().gpu(big.gpu_id(0)) is None

    # Another process gives the numbers that were rolled back to other GPUs.
    other, others = Feed(topic_id=TOPIC_ID), Fleet(3, seed=7, partitions=1)
    other.ends = {9: 0}
    other_rows = []
    for number in range(3):
        other_rows += other.event(others.gpu_id(number), 5, {"X": number}, partition=9)
    place.writer().apply(other.batch())

    connection.pragma("max_page_count", 1_000_000)
    writer.apply(changes)
    for fleet, expected in ((big, rows), (others, other_rows)):
        for number in range(3):
            gpu_id = fleet.gpu_id(number)
            mine = [row for row in expected if row.gpu_id == gpu_id]
            assert entries_of(mine) == read(place.reader(), gpu_id)
    writer.close()


def test_a_batch_that_fails_after_names_were_given(place: SqlitePlace) -> None:
    """Leaves none of their numbers behind, though the next batch of that writer has other names."""
    feeds = [Feed(), Feed(), Feed()]
    rows = [
        feed.event(f"gpu-{number}", 5, {f"M{number}": number}, label_set(f"host-{number}"), partition=number)
        for number, feed in enumerate(feeds)
    ]
    failing, of_another, after_it = (feed.batch() for feed in feeds)
    folder = WatchedFolder(place.folder)
    with closing(BlockViewWriter(SQLiteDatabase(folder), projections=PROJECTIONS)) as writer:
        [connection] = folder.connections
        connection.set_commit_hook(lambda: True)  # it rolls back what is to be committed
        with pytest.raises(DamagedViewError):  # as the hook's refusal reads
            writer.apply(failing)
        connection.set_commit_hook(None)
        place.writer().apply(of_another)  # its names get the numbers that were rolled back
        writer.apply(after_it)
        writer.apply(failing)
    for number in range(3):
        assert entries_of(rows[number]) == read(place.reader(), f"gpu-{number}")


def test_a_writer_that_is_kept_waiting(place: SqlitePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives up after a while, says so, and succeeds later."""
    monkeypatch.setattr(sqlite_connection, "BUSY_MS_MAX", 20)
    feed = fill(place)
    writer = place.writer()
    list(FLEET.ticks(feed, 1, first=40))
    changes = feed.batch()
    blocker = open_for_writing(database(place))
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(ViewUnavailableError, match=r"in use by other processes .*; try again") as refusal:
        writer.apply(changes)
    assert refusal.value.retriable
    blocker.execute("ROLLBACK")
    blocker.close()
    writer.apply(changes)


def test_a_reader_that_stands_still_lets_writers_go_on(
    place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the WAL, which is begun anew once it has gone; writers wait for it in vain only briefly."""
    monkeypatch.setattr(sqlite_connection, "_CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(sqlite_connection, "_RESTART_PAGES", 40)
    monkeypatch.setattr(sqlite_connection, "_RESTART_MS_MAX", 10)
    feed, writer = fill(place), place.writer()
    standing = open_for_reading(database(place))
    standing.execute("BEGIN")
    standing.execute("SELECT count(*) FROM tails").fetchall()
    wal = database(place).with_name("view.sqlite-wal")
    sizes = []
    for tick in range(40, 100):
        if tick == 70:
            standing.close()
        list(FLEET.ticks(feed, 1, first=tick))
        writer.apply(feed.batch())
        sizes.append(wal.stat().st_size)
    assert sizes[-1] == sizes[35]
    assert sizes[29] > sizes[0]


def test_any_error_of_sqlite_becomes_a_line(tmp_path: Path) -> None:
    """Those that no test can bring about, too."""
    kinds = [kind for kind in vars(apsw).values() if isinstance(kind, type) and issubclass(kind, apsw.Error)]
    for kind in kinds:
        with pytest.raises(ViewError, match=r"view.sqlite"), plain_errors(tmp_path / "view.sqlite"):
            raise kind("what SQLite says")


def test_a_snapshot_on_a_full_disk(
    place: SqlitePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words are ours, for SQLite's own may be "not an error"."""

    def full(_: object) -> Iterator[None]:
        raise apsw.FullError("not an error")

    build, builds = place.writer().build, place.builds()
    monkeypatch.setattr(sqlite_snapshot, "moment", full)
    with pytest.raises(ViewUnavailableError, match="copy cannot be written: its disk is full; free some"):
        builds.snapshot(build, tmp_path / "copy")
    assert [place.folder] == list(tmp_path.iterdir())
