"""Connections of a reader to the build that is current, shared by threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

import apsw

from query.views.database import Reading
from query.views.errors import GoneViewError, ViewUnavailableError
from query.views.model import Build
from query.views.names import Names
from query.views.sqlite.connection import plain_errors, snapshot
from query.views.sqlite.file_identity import OpenFiles
from query.views.sqlite.folder import SQLiteFolder
from query.views.sqlite.moment import SQLiteMoment

_IDLE_MAX: Final = 8


class ReadBuild:
    """One build as readers use it: idle connections, and what is known of its dictionaries."""

    def __init__(self, build: Build, path: Path) -> None:
        self.build = build
        self.path = path
        self.names = Names()
        self.idle: list[apsw.Connection] = []
        self.files = OpenFiles([path])


class SQLiteReading(Reading):
    """A connection that is borrowed, and the build it belongs to."""

    def __init__(self, read_build: ReadBuild, connection: apsw.Connection) -> None:
        self.build = read_build.build
        self.names = read_build.names
        self._connection = connection
        self._path = read_build.path

    @contextmanager
    def moment(self) -> Iterator[SQLiteMoment]:
        with plain_errors(self._path), snapshot(self._connection):
            yield SQLiteMoment(self._connection)

    def plain_errors(self) -> AbstractContextManager[None]:
        return plain_errors(self._path)


class ReadPool:
    """Lends connections to the current build. Safe in any threads."""

    def __init__(self, folder: SQLiteFolder) -> None:
        self._folder = folder
        self._lock = Lock()
        self._current: ReadBuild | None = None
        self._is_closed = False

    @contextmanager
    def reading(self) -> Iterator[SQLiteReading]:
        """A connection to the build that is current now, for as long as the block lasts."""
        read_build, connection = self._borrowed_current()
        try:
            yield SQLiteReading(read_build, connection)
        finally:
            self._give_back(read_build, connection)

    def close(self) -> None:
        """Close all that are idle; those that are lent are closed when they come back."""
        with self._lock:
            self._is_closed = True
            self._let_go()

    def _borrowed_current(self) -> tuple[ReadBuild, apsw.Connection]:
        name = self._folder.current()
        while True:
            try:
                return self._borrowed(name)
            except GoneViewError:
                # Dropped since it was looked for, where another one is current now.
                name, sought = self._folder.current(), name
                if name == sought:
                    raise

    def _borrowed(self, name: str) -> tuple[ReadBuild, apsw.Connection]:
        with self._lock:
            if self._is_closed:
                raise ViewUnavailableError("this reader of the views is closed; open another one")
            current = self._current
            if current is not None and current.build.name == name and current.idle:
                if current.files.are_there():
                    return current, current.idle.pop()
                self._let_go()  # deleted, or another file in its place
        build, path, connection = self._folder.open_for_reading(name)
        with self._lock:
            if self._current is None or self._current.build != build:
                self._let_go()
                self._current = ReadBuild(build, path)
            return self._current, connection

    def _give_back(self, read_build: ReadBuild, connection: apsw.Connection) -> None:
        with self._lock:
            if not self._is_closed and read_build is self._current and len(read_build.idle) < _IDLE_MAX:
                read_build.idle.append(connection)
                return
        connection.close()

    def _let_go(self) -> None:
        if self._current is not None:
            for connection in self._current.idle:
                connection.close()
            self._current = None
