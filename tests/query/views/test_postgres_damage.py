"""Views in PostgreSQL that are dropped or damaged under those that use them, and snapshots of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from query.views.errors import DamagedViewError, GoneViewError, OtherBuildError
from query.views.postgres.build_tables import FORMAT_VERSION
from tests.postgres_server import PostgresServer
from tests.query.views.answers import read
from tests.query.views.contract_building import begun, end_of, fill, roles
from tests.query.views.copies import copy_while_others_write, restore_damaged
from tests.query.views.known_log import BATCH_RECORDS, KnownView
from tests.query.views.place import PROJECTIONS
from tests.query.views.postgres_place import OwnPostgresPlace
from tests.query.views.sqlite_place import SqlitePlace
from tests.stores import schema_of


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[OwnPostgresPlace]:
    place = OwnPostgresPlace(postgres)
    yield place
    place.close()


# --- careless hands ----------------------------------------------------------------------------


def test_a_store_that_is_dropped(place: OwnPostgresPlace) -> None:
    """Is made anew by its writers; readers see the new one."""
    writer, reader = place.writer(), place.reader()
    fill(writer, 2)
    assert 2 * BATCH_RECORDS == end_of(reader)
    old = writer.build.name
    place.server.drop_store(place.store)
    assert {} == writer.partition_states("telemetry", "log")
    fill(writer, 1)
    assert writer.build.name != old
    assert BATCH_RECORDS == end_of(reader)


def test_a_build_that_is_dropped(place: OwnPostgresPlace) -> None:
    """By a hand: all are told, and another one takes its place."""
    writer, reader, builds = place.writer(), place.reader(), place.builds()
    fill(writer, 2)
    assert 2 * BATCH_RECORDS == end_of(reader)
    place.server.drop_schemas([schema_of(place.url, writer.build.name)])
    refusals: list[Callable[[], object]] = [
        lambda: fill(writer, 1, 2 * BATCH_RECORDS),
        reader.gpus,
        builds.current,
        place.writer,
    ]
    for refused in refusals:
        with pytest.raises(GoneViewError, match="collectors make the views anew"):
            refused()
    builds.make_current(begun(builds, 1), replacing=builds.current_name())
    fill(writer, 1, BATCH_RECORDS)
    assert 2 * BATCH_RECORDS == end_of(reader)
    assert [(writer.build.name, "current")] == roles(builds)


def test_a_blob_that_is_damaged(place: OwnPostgresPlace) -> None:
    """Is told as damage of the build, and no wrong answer is given."""
    writer, reader = place.writer(), place.reader()
    fill(writer, 2)
    place.server.ask(f"UPDATE {schema_of(place.url, writer.build.name)}.tails SET data = 'no tail'")
    with pytest.raises(DamagedViewError, match=writer.build.name):
        list(reader.entries(KnownView(0).gpu_id))


def test_a_snapshot_moves_views_between_stores(postgres: PostgresServer, tmp_path: Path) -> None:
    """From the embedded store to PostgreSQL and back: the answers stay, and collectors go on."""
    here, there = SqlitePlace(tmp_path / "views"), OwnPostgresPlace(postgres)
    fill(here.writer(), 5)
    for number, (source, target) in enumerate([(here, there), (there, here)]):
        builds, copy = source.builds(), tmp_path / f"copy-{number}"
        status = builds.snapshot(source.writer().build, copy)
        target.builds().restore(copy)
        reader, known = target.reader(), KnownView(3)
        as_of = reader.as_of()
        assert list(status.checkpoints) == list(reader.status().checkpoints)
        assert known.entries(as_of) == read(reader, known.gpu_id)
        fill(target.writer(), 1, as_of[0])
    here.close()
    there.close()


def test_a_build_of_another_format(place: OwnPostgresPlace, tmp_path: Path) -> None:
    """Says which it has, and can be neither read, written, copied nor made current; it may be replaced."""
    place.writer().close()
    builds = place.builds()
    place.server.ask(f'UPDATE "{place.store}".builds SET format_version = 99')
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
        with pytest.raises(OtherBuildError, match=f"format 99, and this version reads {FORMAT_VERSION}"):
            refused()
    builds.make_current(builds.begin(PROJECTIONS), keep=True)
    assert ["kept", "current"] == [role for _, role in roles(builds)]
    with pytest.raises(OtherBuildError):
        builds.make_current(old)


# --- snapshots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [20, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_damaged_snapshot(place: OwnPostgresPlace, tmp_path: Path, seed: int, count: int) -> None:
    """Is restored only if that does not show; else it is refused, and leaves nothing behind."""
    copy, draw = tmp_path / "copy", random.Random(seed)
    restore_damaged(place, copy, draw, count, traces=lambda: place.server.schemas(place.store))


def test_snapshots_while_others_write(place: OwnPostgresPlace, tmp_path: Path) -> None:
    """Each is of one moment, though batches are applied and folded meanwhile."""
    copy_while_others_write(place, tmp_path)
