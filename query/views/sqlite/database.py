"""A folder of views in SQLite as the database that the views' reader and writer ask."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from query.views.database import ViewDatabase
from query.views.model import ViewStatus
from query.views.sqlite.folder import SQLiteFolder
from query.views.sqlite.pool import ReadPool, SQLiteReading
from query.views.sqlite.tables import SQLiteTables
from query.views.sqlite.views_folder import replay


class SQLiteDatabase(ViewDatabase):
    """See `ViewDatabase`."""

    def __init__(self, folder: SQLiteFolder) -> None:
        self.replay = replay(folder.path)
        self._folder = folder
        self._pool = ReadPool(folder)

    def reading(self) -> AbstractContextManager[SQLiteReading]:
        return self._pool.reading()

    def current_or_first(self, projections: Mapping[str, int]) -> str:
        return self._folder.current_or_first(projections)

    def open_tables(self, name: str, projections: Mapping[str, int] | None) -> SQLiteTables:
        return SQLiteTables(*self._folder.open_for_writing(name, projections))

    def beside(self) -> list[ViewStatus]:
        with self.reading() as reading:
            current = reading.build.name
        return self._folder.beside(current)

    def close(self) -> None:
        self._pool.close()
