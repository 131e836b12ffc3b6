"""Snapshots of builds in PostgreSQL: the files are those of SQLite, so that views move between the two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from query.views.blocks import Block
from query.views.copying import Contents, copy
from query.views.model import Build, ViewStatus
from query.views.postgres.address import Address
from query.views.postgres.advisory import READERS, try_lock
from query.views.postgres.changes import begun, swap
from query.views.postgres.connection import PostgresTables
from query.views.postgres.days import day_table
from query.views.postgres.errors import plain_errors
from query.views.postgres.session import Session
from query.views.postgres.status import moment_of
from query.views.postgres.store import Store
from query.views.progress import status
from query.views.sqlite.snapshot_file import SnapshotFile, written_anew
from query.views.tables import NewBlock, NewTail

_FETCHED: Final = 200
"""Rows in one answer: some megabytes."""
_BLOCK: Final = "gpu, first_ms, last_ms, partition, first_offset, last_offset, row_count, data"
_TAILS: Final = """
SELECT shelf, row_count, gpu_count, first_ms, last_ms, applied_at_ms, data FROM tails ORDER BY id
"""
_YOUNG: Final = f"SELECT period, {_BLOCK} FROM young_blocks ORDER BY id"  # noqa: S608
_FULL: Final = f"SELECT {_BLOCK} FROM blocks JOIN {{table}} USING (id) ORDER BY id"  # noqa: S608
_NO_PERIOD: Final = 0
"""Of full blocks: nobody asks for it."""


def copy_of(store: Store, build: Build, destination: Path) -> ViewStatus:
    """Copy a build within one transaction that only reads; see `Builds.snapshot`."""
    row = store.readable(build.name)
    with _guard(store.address) as session:
        with plain_errors(store.address):
            if not try_lock(session, store.address, row.number, READERS, shared=True):
                raise store.gone(build.name)
        with (
            moment_of(session, store.address, row) as moment,
            written_anew(destination, row.build) as empty,
        ):
            days = _locked_days(session)
            copy(Contents(moment, _tails(session), _blocks(session, days)), empty)
            return attrs.evolve(status(moment, row.build), refused_log=None)


def restored(store: Store, snapshot: SnapshotFile, *, keep: bool) -> Build:
    """Make a snapshot a build of the store, and have it read.

    Until then nobody finds the build, and it counts as read, so that nobody drops it; where this process ends
    before, it does not any more.
    """
    address, copied = store.address, snapshot.build
    with _guard(address) as guard:
        with store.changing() as session:
            row = begun(session, address, copied.projections, copied.created_at_ms, None)
            is_kept = try_lock(guard, address, row.number, READERS, shared=True)
        assert is_kept, "nobody else knows of it"
        with closing(PostgresTables(address, row)) as tables, tables.transaction() as empty:
            copy(snapshot.contents, empty)
        with store.changing() as session:
            swap(session, address, row, keep=keep)
    return row.build


@contextmanager
def _guard(address: Address) -> Iterator[Session]:
    """A session whose locks are free when this ends, however it does."""
    with closing(Session(address, address.schema)) as session:
        try:
            yield session
        finally:
            session.unlock()


def _locked_days(session: Session) -> Sequence[int]:
    """The days that have blocks: retention drops none of their tables until the transaction has ended."""
    days = [day for (day,) in session.rows("SELECT day FROM days WHERE emptied_at IS NULL ORDER BY day")]
    session.run(*((f"LOCK TABLE {day_table(day)} IN ACCESS SHARE MODE", ()) for day in days))
    return days


def _tails(session: Session) -> Iterator[NewTail]:
    return (NewTail(*row) for row in _fetched(session, "tails", _TAILS))


def _blocks(session: Session, days: Sequence[int]) -> Iterator[NewBlock]:
    for day in days:
        for row in _fetched(session, "full", _FULL.format(table=day_table(day))):
            yield NewBlock(Block(*row), _NO_PERIOD, is_full=True)
    for period, *young in _fetched(session, "young", _YOUNG):
        yield NewBlock(Block(*young), period, is_full=False)


def _fetched(session: Session, name: str, question: str) -> Iterator[Sequence[Any]]:
    """The rows of a question, read as they are asked for."""
    session.rows(f"DECLARE all_{name} NO SCROLL CURSOR FOR {question}")
    while rows := session.rows(f"FETCH {_FETCHED} FROM all_{name}"):
        yield from rows
    session.rows(f"CLOSE all_{name}")
