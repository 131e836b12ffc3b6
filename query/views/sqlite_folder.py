"""A folder of views in SQLite: finding, making and opening its builds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import apsw

from query.clock import Clock, SystemClock
from query.views import builds
from query.views.errors import BadViewsError, NoViewError, ViewUnavailableError
from query.views.file_system import refuse_network
from query.views.model import Build
from query.views.sqlite_connection import create_database, open_for_reading, open_for_writing, plain_errors
from query.views.sqlite_progress import read_build
from query.views.sqlite_schema import FORMAT_VERSION, TABLES


class SQLiteFolder:
    """The builds in one folder, which need not exist."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.path = path
        self._clock = clock or SystemClock()

    def current(self) -> str:
        """The name of the build that is read.

        Raises:
            NoViewError: there is none yet.
        """
        name = builds.current_build(self.path)
        if name is None:
            raise NoViewError(f"there is no view in {self.path} yet; it comes with the first collector")
        return name

    def current_or_first(self, projections: Mapping[str, int]) -> str:
        """The same; a build is made where there is none. Of several processes that try at once, one makes it.

        Raises:
            BadViewsError: views cannot be kept here.
            ViewUnavailableError: a build cannot be made now; what was begun of it goes with the next try.
        """
        name = builds.current_build(self.path)
        return self._first_build(projections) if name is None else name

    def _first_build(self, projections: Mapping[str, int]) -> str:
        with builds.locked(self.path):
            refuse_network(self.path)
            made_meanwhile = builds.current_build(self.path)
            if made_meanwhile is not None:
                return made_meanwhile
            try:
                return self._new_build(projections)
            except OSError as error:
                raise ViewUnavailableError(
                    f"a build cannot be made in {self.path} ({error.strerror}); see to its disk"
                ) from error

    def _new_build(self, projections: Mapping[str, int]) -> str:
        name, unfinished = builds.begin(self.path)
        path = unfinished / builds.DATABASE_NAME
        with plain_errors(path):
            create_database(path, TABLES, self._description(name, projections))
        builds.finish(self.path, name, unfinished)
        builds.make_current(self.path, name)
        return name

    def open_for_writing(
        self, name: str, projections: Mapping[str, int]
    ) -> tuple[Build, Path, apsw.Connection]:
        """A build that these projections can go on with.

        Raises:
            BadViewsError: they cannot.
        """
        path = builds.database_of(self.path, name)
        with plain_errors(path):
            connection = open_for_writing(path)
            try:
                build = read_build(connection)
                self._check_format(build, path)
                if dict(build.projections) != dict(projections):
                    raise BadViewsError(
                        f"{path} was made by other projections ({_listed(build.projections)}) than those of "
                        f"this version ({_listed(projections)}); {builds.make_anew(self.path)}"
                    )
            except BaseException:
                connection.close()
                raise
        return build, path, connection

    def open_for_reading(self, name: str) -> tuple[Build, Path, apsw.Connection]:
        """A build, for reading only.

        Raises:
            BadViewsError: it has another format than this version reads.
        """
        path = builds.database_of(self.path, name)
        with plain_errors(path):
            connection = open_for_reading(path)
            try:
                build = read_build(connection)
                self._check_format(build, path)
            except BaseException:
                connection.close()
                raise
        return build, path, connection

    def _check_format(self, build: Build, path: Path) -> None:
        if build.format_version != FORMAT_VERSION:
            raise BadViewsError(
                f"{path} has format {build.format_version}, and this version reads {FORMAT_VERSION}; "
                f"{builds.make_anew(self.path)}"
            )

    def _description(self, name: str, projections: Mapping[str, int]) -> tuple[str, int, str, int]:
        versions = json.dumps(dict(sorted(projections.items())))
        return name, FORMAT_VERSION, versions, self._clock.wall_ms()


def _listed(projections: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(projections.items()))
