"""A folder of views in SQLite: finding, making and opening its builds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw

from query.clock import Clock, SystemClock
from query.views.errors import GoneViewError, NoViewError, OtherBuildError, ViewError, ViewUnavailableError
from query.views.model import Build, ViewStatus
from query.views.progress import status
from query.views.projections import encode, listed
from query.views.sqlite import views_folder
from query.views.sqlite.build_folder import StoredRole, role_of, set_role
from query.views.sqlite.connection import (
    create_database,
    open_for_reading,
    open_for_writing,
    plain_errors,
    snapshot,
)
from query.views.sqlite.description import read_build
from query.views.sqlite.file_system import refuse_network
from query.views.sqlite.moment import SQLiteMoment
from query.views.sqlite.schema import FORMAT_VERSION, TABLES


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
        name = views_folder.current_build(self.path)
        if name is None:
            raise NoViewError(f"there is no view in {self.path} yet; it comes with the first collector")
        return name

    def current_or_first(self, projections: Mapping[str, int]) -> str:
        """The same; a build is made where there is none. Of several processes that try at once, one makes it.

        Raises:
            BadViewsError: views cannot be kept here.
            ViewUnavailableError: a build cannot be made now; what was begun of it goes with the next try.
        """
        name = views_folder.current_build(self.path)
        return self._first_build(projections) if name is None else name

    def _first_build(self, projections: Mapping[str, int]) -> str:
        with views_folder.locked(self.path):
            refuse_network(self.path)
            made_meanwhile = views_folder.current_build(self.path)
            if made_meanwhile is not None:
                return made_meanwhile
            try:
                name = self.new_build(projections).name
                views_folder.make_current(self.path, name)
                return name
            except OSError as error:
                raise ViewUnavailableError(
                    f"a build cannot be made in {self.path} ({error.strerror}); see to its disk"
                ) from error

    def new_build(self, projections: Mapping[str, int], role: StoredRole | None = None) -> Build:
        """An empty build that nobody reads. Whoever calls holds the lock."""
        name, unfinished = views_folder.begin(self.path)
        build = Build(name, FORMAT_VERSION, dict(sorted(projections.items())), self._clock.wall_ms())
        description = (name, FORMAT_VERSION, encode(build.projections), build.created_at_ms)
        path = unfinished / views_folder.DATABASE_NAME
        with plain_errors(path):
            create_database(path, TABLES, description)
        if role is not None:
            set_role(unfinished, role)
        views_folder.finish(self.path, name, unfinished)
        return build

    def open_for_writing(
        self, name: str, projections: Mapping[str, int] | None = None
    ) -> tuple[Build, Path, apsw.Connection]:
        """A build that these projections can go on with; None: whichever it has.

        Raises:
            OtherBuildError: they cannot.
            DamagedViewError: it cannot be read; `GoneViewError` where it is not there.
        """
        build, path, connection = self._opened(name, open_for_writing)
        if projections is not None and dict(build.projections) != dict(projections):
            connection.close()
            raise OtherBuildError(
                f"{path} was made by other projections ({listed(build.projections)}) than those of "
                f"this version ({listed(projections)}); {views_folder.make_anew(self.path)}",
                build,
            )
        return build, path, connection

    def open_for_reading(self, name: str) -> tuple[Build, Path, apsw.Connection]:
        """A build, for reading only.

        Raises:
            OtherBuildError: it has another format than this version reads.
            DamagedViewError: it cannot be read; `GoneViewError` where it is not there.
        """
        return self._opened(name, open_for_reading)

    def status(self, name: str) -> ViewStatus:
        """How far a build is; raises what `open_for_reading` does."""
        build, path, connection = self.open_for_reading(name)
        with closing(connection), plain_errors(path), snapshot(connection):
            return status(SQLiteMoment(connection), build)

    def beside(self, current: str) -> list[ViewStatus]:
        """Builds that are made beside the current one; those that cannot be read are left out."""
        found: list[ViewStatus] = []
        for name in views_folder.all_builds(self.path):
            if name != current and role_of(self.path / name) == "next":
                with suppress(ViewError):
                    found.append(self.status(name))
        return found

    def description(self, name: str) -> Build:
        """What a build says of itself, of whatever format.

        Raises:
            DamagedViewError: it cannot be read; `GoneViewError` where it is not there.
        """
        path = views_folder.database_of(self.path, name)
        with self._found(path), plain_errors(path), closing(open_for_reading(path)) as connection:
            return read_build(connection)

    def _opened(
        self, name: str, opened: Callable[[Path], apsw.Connection]
    ) -> tuple[Build, Path, apsw.Connection]:
        path = views_folder.database_of(self.path, name)
        with self._found(path), plain_errors(path):
            connection = opened(path)
            try:
                build = read_build(connection)
                self._check_format(build, path)
            except BaseException:
                connection.close()
                raise
        return build, path, connection

    @contextmanager
    def _found(self, path: Path) -> Iterator[None]:
        """Tell a database that is not there from one that cannot be opened now."""
        try:
            yield
        except ViewUnavailableError as error:
            if path.exists():
                raise
            raise GoneViewError(f"{path} is gone; {views_folder.make_anew(self.path)}") from error

    def _check_format(self, build: Build, path: Path) -> None:
        if build.format_version != FORMAT_VERSION:
            raise OtherBuildError(
                f"{path} has format {build.format_version}, and this version reads {FORMAT_VERSION}; "
                f"{views_folder.make_anew(self.path)}",
                build,
            )
