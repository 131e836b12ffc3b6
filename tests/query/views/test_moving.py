"""Views move between SQLite and PostgreSQL by snapshots: the file is the same, and so is every answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from query.views import copying
from query.views.errors import BadViewsError, DamagedViewError, OtherBuildError, ViewUnavailableError
from query.views.model import Origin, RefusedLog
from query.views.postgres import snapshot
from query.views.postgres.session import Session
from tests.postgres_server import PostgresServer
from tests.query.views.answers import settle
from tests.query.views.changes import SEEN_MS, START_MS, TOPIC, TOPIC_ID, Feed, Fleet
from tests.query.views.contract_building import begun, roles
from tests.query.views.contract_maintaining import answers
from tests.query.views.place import Place
from tests.query.views.postgres_place import OwnPostgresPlace
from tests.query.views.sqlite_place import SqlitePlace

DAY_MS = 86_400_000
ODD = "GPU-\0\\0 é"
"""PostgreSQL takes no NUL in a text."""


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Place]:
    with closing(SqlitePlace(tmp_path / "views")) as place:
        yield place


@pytest.fixture
def postgres_place(postgres: PostgresServer) -> Iterator[OwnPostgresPlace]:
    with closing(OwnPostgresPlace(postgres)) as place:
        yield place


@pytest.fixture(params=["from sqlite", "from postgres"])
def both(request: pytest.FixtureRequest, sqlite: Place, postgres_place: Place) -> tuple[Place, Place]:
    """A store that has views, and one that gets them."""
    return (sqlite, postgres_place) if request.param == "from sqlite" else (postgres_place, sqlite)


@pytest.fixture
def late_ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server notices that a connection was closed when the test has ended."""
    closed: list[Session] = []

    def close_later(self: Session) -> None:
        closed.append(self)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "close", close_later)
        yield
    for session in closed:
        session.close()


def filled(place: Place) -> Feed:
    """Tails, blocks that are full and such that are not, of two days; gaps, origins, another log's note."""
    fleet, feed, writer = Fleet(3), Feed(), place.writer()
    for first in range(0, 200, 20):
        for _ in fleet.ticks(feed, 20, first=first):
            pass
        if first == 100:
            late_ms = START_MS + DAY_MS
            feed.event(ODD, late_ms, {"X": 1.0, ODD: None}, origin=Origin(f"csv:{ODD}", 2, 3), partition=1)
            feed.gap(3, reason=f"gone {ODD}")
        writer.apply(feed.batch())
        if first < 120:
            settle(writer, SEEN_MS)
    writer.refuse_log(RefusedLog("another", "it is", SEEN_MS))
    return feed


def tables(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a snapshot holds, but for ids, and the periods of full blocks, which nobody reads."""
    wanted = {
        "view": "format_version, projections, created_at_ms, topic, topic_id",
        "checkpoints": "*",
        "origins": "*",
        "gaps": "*",
        "refused_log": "*",
        "gpus": "*",
        "metrics": "*",
        "label_sets": "*",
        "tails": "shelf, row_count, gpu_count, first_ms, last_ms, applied_at_ms, data",
        "blocks": "gpu, iif(is_full, 0, period), first_ms, last_ms, partition, first_offset, last_offset, "
        "row_count, is_full, data",
        "latest": "*",
        "lease": "*",
    }
    with closing(apsw.Connection(str(file))) as connection:
        return {
            name: sorted(connection.execute(f"SELECT {what} FROM {name}")) for name, what in wanted.items()
        }


def test_there_and_back(both: tuple[Place, Place], tmp_path: Path) -> None:
    """Every answer is the same, byte for byte what is stored, and collectors go on from the checkpoints."""
    there, other = both
    feed, writer, reader = filled(there), there.writer(), there.reader()
    expected, status = answers(reader), reader.status()
    there.builds().snapshot(status.build, tmp_path / "there")
    builds, moved = other.builds(), other.reader()
    build = builds.restore(tmp_path / "there")
    found = moved.status()
    assert expected == answers(moved)
    assert (status.checkpoints, status.gaps, None) == (found.checkpoints, found.gaps, found.refused_log)
    assert (status.build.projections, status.build.created_at_ms) == (build.projections, build.created_at_ms)
    assert [(build.name, "current")] == roles(builds)
    writers = [writer, other.writer()]
    assert writers[0].partition_states(TOPIC, TOPIC_ID) == writers[1].partition_states(TOPIC, TOPIC_ID)

    builds.snapshot(build, tmp_path / "other")
    held = tables(tmp_path / "there")
    assert {"tails", "blocks", "gaps", "origins", "gpus"} <= {name for name, rows in held.items() if rows}
    assert {True, False} == {bool(row[8]) for row in held["blocks"]}
    assert held == tables(tmp_path / "other")
    back = there.builds().restore(tmp_path / "other")
    assert (expected, back) == (answers(reader), reader.status().build)

    feed.event(ODD, START_MS + 2 * DAY_MS, {"X": 2.0}, partition=1)
    batch = feed.batch()
    for one in writers:
        one.apply(batch)
        settle(one)
    assert expected != answers(reader) == answers(moved)


def test_no_view_to_copy(both: tuple[Place, Place], tmp_path: Path) -> None:
    """A build that nothing was applied to is moved as well."""
    there, other = both
    build = there.writer().build
    there.builds().snapshot(build, tmp_path / "copy")
    other.builds().restore(tmp_path / "copy")
    assert ([], []) == (list(other.reader().gpus()), list(other.reader().status().checkpoints))
    other.writer().apply(Feed().batch())


# --- what does not become a build ----------------------------------------------------------------


def test_a_damaged_snapshot_is_refused(
    postgres_place: OwnPostgresPlace, sqlite: Place, tmp_path: Path
) -> None:
    """Before anything is made of it; so is one of another format, and what is no snapshot."""
    filled(sqlite)
    source = tmp_path / "copy"
    sqlite.builds().snapshot(sqlite.reader().status().build, source)
    sound, builds = source.read_bytes(), postgres_place.builds()
    with closing(apsw.Connection(str(source))) as connection:
        connection.execute("UPDATE tails SET data = substr(data, 1, length(data) - 1)")
    with pytest.raises(DamagedViewError, match=r"copy is damaged .*; take another snapshot"):
        builds.restore(source)
    source.write_bytes(sound[:-8192])
    with pytest.raises(DamagedViewError, match=r"copy is damaged .*; take another snapshot"):
        builds.restore(source)
    source.write_bytes(sound)
    with closing(apsw.Connection(str(source))) as connection:
        connection.execute("UPDATE view SET format_version = 99")
    with pytest.raises(OtherBuildError, match=r"has format 99, .*gputail replay --views .*postgresql://"):
        builds.restore(source)
    [database] = (tmp_path / "views").glob("*/view.sqlite")
    for wrong in (database, tmp_path / "none", tmp_path):
        with pytest.raises(BadViewsError):
            builds.restore(wrong)
    assert [] == list(builds.listing())
    assert [] == postgres_place.server.schemas(postgres_place.store)


@pytest.mark.usefixtures("late_ends")
def test_a_restore_that_is_broken_off(
    postgres_place: OwnPostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaves the old build current, and nothing of the new one."""
    filled(postgres_place)
    builds, server, store = postgres_place.builds(), postgres_place.server, postgres_place.store
    old, before = postgres_place.reader().status().build, server.schemas(store)
    builds.snapshot(old, tmp_path / "copy")

    def copy_some(contents: copying.Contents, empty: Any) -> None:
        copying.copy(contents, empty)
        assert len(before) + 1 == len(server.schemas(store))
        builds.begin(old.projections)  # which removes what nobody is at
        assert len(before) + 2 == len(server.schemas(store))
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshot, "copy", copy_some)
    with pytest.raises(KeyboardInterrupt):
        builds.restore(tmp_path / "copy")
    assert ["current", "next"] == [role for _, role in roles(builds)]
    assert len(before) + 1 == len(server.schemas(store))
    assert old == builds.current()


@pytest.mark.usefixtures("late_ends")
def test_a_build_goes_as_soon_as_its_snapshot_is_taken(
    postgres_place: OwnPostgresPlace, tmp_path: Path
) -> None:
    """Whoever takes one gives the build back with it."""
    filled(postgres_place)
    builds, server, store = postgres_place.builds(), postgres_place.server, postgres_place.store
    before = server.schemas(store)
    build = builds.begin(postgres_place.reader().status().build.projections)
    builds.snapshot(build, tmp_path / "copy")
    builds.drop(build)
    assert before == server.schemas(store)


def test_a_server_that_goes_while_a_snapshot_is_taken(
    postgres_place: OwnPostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and no file is left; the same object takes one afterwards."""
    filled(postgres_place)
    builds, server = postgres_place.builds(), postgres_place.server
    build = postgres_place.reader().status().build

    def copy_and_lose(contents: copying.Contents, empty: Any) -> None:
        server.cut_off()
        copying.copy(contents, empty)

    monkeypatch.setattr(snapshot, "copy", copy_and_lose)
    with pytest.raises(ViewUnavailableError):
        builds.snapshot(build, tmp_path / "copy")
    assert [] == list(tmp_path.glob("copy*"))
    monkeypatch.undo()
    builds.snapshot(build, tmp_path / "copy")


def test_a_disk_that_is_full(postgres_place: OwnPostgresPlace) -> None:
    """Is that of the snapshot, and not the database's."""
    build = begun(postgres_place.builds(), 1)
    with pytest.raises(BadViewsError, match=r"a snapshot cannot be written to /proc/copy"):
        postgres_place.builds().snapshot(build, Path("/proc/copy"))
