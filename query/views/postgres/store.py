"""A store of views in PostgreSQL: the connection on which its builds are found, made and changed.

It is opened when it is first wanted, kept, and opened again after it was lost. Whoever makes builds or
changes what is said of them has the store's lock for as long as its transaction lasts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from query.views.errors import GoneViewError, NoViewError, OtherBuildError, ViewUnavailableError
from query.views.postgres.address import Address
from query.views.postgres.advisory import lock_store
from query.views.postgres.build_rows import BuildRow, all_rows, current_row, row_named
from query.views.postgres.build_tables import FORMAT_VERSION
from query.views.postgres.errors import make_anew, plain_errors
from query.views.postgres.schema import build_schema, make_store, refuse_newer
from query.views.postgres.session import Session


class Store:
    """See above; safe in any threads, one of which has the connection at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = Lock()
        self._session: Session | None = None
        self._is_made = False
        self._is_closed = False

    # --- the connection --------------------------------------------------------------------------

    @contextmanager
    def asking(self) -> Iterator[Session]:
        """The connection, to look. NoViewError where there is no store."""
        try:
            with self._lock, plain_errors(self.address):  # one thread at a time
                session = self._opened()
                try:
                    yield session
                finally:
                    if session.is_broken:
                        self._let_go()
        except NoViewError:
            self._is_made = False  # or somebody has dropped it
            raise
        finally:
            if self._is_closed:
                self.close()

    @contextmanager
    def changing(self) -> Iterator[Session]:
        """One transaction, in which nobody else makes or changes builds; the store is made where missing.

        Raises:
            BadViewsError: views cannot be kept here.
            ViewUnavailableError: they cannot be changed now.
        """
        with self.asking() as session:
            if not self._is_made:
                make_store(session, self.address)
                self._is_made = True
            with session.transaction():
                lock_store(session, self.address)
                yield session

    def close(self) -> None:
        """Close it now, or when the thread is done that has it: it may wait for a server that is silent."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            self._let_go()
            self._lock.release()

    def _opened(self) -> Session:
        if self._is_closed:
            raise ViewUnavailableError("these builds of the views are closed; open them again")
        if self._session is not None:
            self._session.notice_end()
        if self._session is None or self._session.is_broken:
            self._let_go()
            self._session = Session(self.address, self.address.schema)
            with suppress(NoViewError), plain_errors(self.address):
                refuse_newer(self._session, self.address)
        return self._session

    def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # --- its builds ------------------------------------------------------------------------------

    def current(self) -> BuildRow | None:
        """The build that is read; None where there is none yet."""
        try:
            with self.asking() as session:
                return current_row(session)
        except NoViewError:
            return None

    def rows(self) -> list[BuildRow]:
        """All that were not dropped or replaced, in the order of their names."""
        try:
            with self.asking() as session:
                return found_in(session)
        except NoViewError:
            return []

    def readable(self, name: str) -> BuildRow:
        """A build of this version's format.

        Raises:
            GoneViewError: there is none of that name any more.
            OtherBuildError: it has another format.
        """
        try:
            with self.asking() as session:
                return self.readable_in(session, name)
        except NoViewError:
            raise self.gone(name) from None

    def readable_in(self, session: Session, name: str) -> BuildRow:
        """The same, within a transaction."""
        row = row_named(session, name)
        if row is None or not is_listed(row):
            raise self.gone(name)
        self.refuse_unreadable(session, row)
        return row

    def refuse_unreadable(self, session: Session, row: BuildRow) -> None:
        """Raise GoneViewError where its tables are not there, OtherBuildError where it has another format."""
        build = row.build
        if not are_there(session, self.address, [row]):
            raise self.gone(build.name)
        if build.format_version != FORMAT_VERSION:
            raise OtherBuildError(
                f"build {build.name} in {self.address.shown} has format {build.format_version}, and this "
                f"version reads {FORMAT_VERSION}; {make_anew(self.address)}",
                build,
            )

    def gone(self, name: str) -> GoneViewError:
        """What to raise where a build is not there."""
        return GoneViewError(f"build {name} in {self.address.shown} is gone; {make_anew(self.address)}")


def found_in(session: Session) -> list[BuildRow]:
    """All builds that were not dropped or replaced, in the order of their names."""
    return sorted(filter(is_listed, all_rows(session)), key=lambda row: row.build.name)


def is_listed(row: BuildRow) -> bool:
    """Whether anybody but its readers may know of it."""
    return row.is_current or row.role is not None


def are_there(session: Session, address: Address, rows: list[BuildRow]) -> set[str]:
    """The names of those builds whose tables are there."""
    schemas = {build_schema(address, row.build.name): row.build.name for row in rows}
    found = session.rows(
        "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY($1::text[])", list(schemas)
    )
    return {schemas[name] for (name,) in found}
