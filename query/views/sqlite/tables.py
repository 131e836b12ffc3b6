"""A connection that writes to a build in SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import apsw

from query.views.database import Tables
from query.views.errors import GoneViewError
from query.views.model import Build
from query.views.sqlite.connection import plain_errors, snapshot, transaction
from query.views.sqlite.file_identity import OpenFiles
from query.views.sqlite.lease import Lease
from query.views.sqlite.maintained import SQLiteMaintained
from query.views.sqlite.transaction import SQLiteTransaction
from query.views.sqlite.views_folder import make_anew


class SQLiteTables(Tables):
    """See `Tables`; made as soon as the connection is."""

    def __init__(self, build: Build, path: Path, connection: apsw.Connection) -> None:
        self.build = build
        self._path = path
        self._connection = connection
        self._lease = Lease(connection)
        # The write-ahead log is there for as long as this connection is.
        self._files = OpenFiles([path, path.with_name(f"{path.name}-wal")])

    @contextmanager
    def moment(self) -> Iterator[SQLiteMaintained]:
        with plain_errors(self._path), snapshot(self._connection):
            yield SQLiteMaintained(self._connection)

    @contextmanager
    def transaction(self) -> Iterator[SQLiteTransaction]:
        with plain_errors(self._path), transaction(self._connection):
            yield SQLiteTransaction(self._connection)

    def plain_errors(self) -> AbstractContextManager[None]:
        return plain_errors(self._path)

    def take_lease(self, now_ms: int, lease_ms: int) -> bool:
        with plain_errors(self._path):
            return self._lease.take(now_ms, lease_ms)

    def release_lease(self) -> None:
        with plain_errors(self._path):
            self._lease.release()

    def refuse_gone(self) -> None:
        if not self._files.are_there():
            raise GoneViewError(f"files of {self._path} were removed; {make_anew(self._path.parents[1])}")

    def close(self) -> None:
        try:
            self.release_lease()
        finally:
            self._connection.close()
