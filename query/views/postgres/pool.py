"""Connections of a reader to the build that is current, shared by threads.

They are kept here and not by psycopg's pool: which build is read, the lock that keeps it from being dropped,
and what most questions need come with the statement that begins the first transaction, in one round trip;
and a server that is down is told at once, in the thread that asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Condition
from typing import Final, TypeVar

import psycopg

from query.views.database import Reading
from query.views.errors import GoneViewError, NoViewError, OtherBuildError, ViewUnavailableError
from query.views.model import Build
from query.views.postgres.address import Address
from query.views.postgres.advisory import READERS, key, store_key
from query.views.postgres.build_rows import current_row
from query.views.postgres.build_tables import FORMAT_VERSION
from query.views.postgres.errors import make_anew, plain_errors
from query.views.postgres.reading import Lent, PostgresReading, ReadBuild
from query.views.postgres.schema import build_schema, refuse_newer
from query.views.postgres.session import Row, Session

T = TypeVar("T")

_CONNECTIONS_MAX: Final = 32
_IDLE_MAX: Final = 4
_WAIT_S: Final = 1.0
_TRIES: Final = 5
"""Builds that may be replaced one after another while one question is asked."""


class ReadPool:
    """Lends connections to the current build. Safe in any threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._changed = Condition()
        self._idle: list[Lent] = []
        self._count = 0
        """Connections that are idle, lent or being opened."""
        self._current: ReadBuild | None = None
        self._is_closed = False

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """A connection to the build that is current now, for as long as the block lasts."""
        lent, head = self._lend(lambda lent: self._in_current(lent, lent.begun))
        try:
            yield PostgresReading(self._address, lent, head)
        finally:
            lent.end()
            self._take_back(lent)

    def rows(self, question: str) -> tuple[Build, list[Row]]:
        """What one statement finds in the current build, and which that is.

        Args:
            question: its first column is `(SELECT build FROM current)`; it finds a row at least.
        """
        lent, rows = self._lend(lambda lent: self._in_current(lent, partial(lent.found, question)))
        self._take_back(lent)
        return lent.build.row.build, rows

    def close(self) -> None:
        """Close all that are idle; those that are lent are closed when they come back."""
        with self._changed:
            self._is_closed = True
            idle, self._idle = self._idle, []
            self._count -= len(idle)
        for lent in idle:
            lent.session.close()

    # --- lending -------------------------------------------------------------------------------

    def _lend(self, ask: Callable[[Lent], T]) -> tuple[Lent, T]:
        """A connection, and what was asked on it first."""
        with plain_errors(self._address):
            while True:
                lent = self._idle_one()
                is_fresh = lent is None
                if lent is not None:
                    lent.session.notice_end()
                try:
                    if lent is None:
                        lent = self._opened()
                    return lent, ask(lent)
                except BaseException as error:
                    self._drop(lent)
                    # One that was idle may have been lost since, and the others with it: a fresh one tells.
                    if is_fresh or not isinstance(error, psycopg.Error):
                        raise

    def _idle_one(self) -> Lent | None:
        """One that is idle; None: one may be opened."""
        with self._changed:
            is_there = self._changed.wait_for(
                lambda: self._is_closed or self._idle or self._count < _CONNECTIONS_MAX, _WAIT_S
            )
            if self._is_closed:
                raise ViewUnavailableError("this reader of the views is closed; open another one")
            if not is_there:
                raise ViewUnavailableError(
                    f"all {_CONNECTIONS_MAX} connections to {self._address.shown} are in use; try again"
                )
            if self._idle:
                return self._idle.pop()
            self._count += 1
            return None

    def _opened(self) -> Lent:
        lent = Lent(Session(self._address, self._address.schema))
        try:
            refuse_newer(lent.session, self._address)
            self._follow(lent)
        except BaseException:
            lent.session.close()
            raise
        return lent

    def _take_back(self, lent: Lent) -> None:
        with self._changed:
            if not (self._is_closed or lent.session.is_broken) and len(self._idle) < _IDLE_MAX:
                self._idle.append(lent)
                self._changed.notify()
                return
        self._drop(lent)

    def _drop(self, lent: Lent | None) -> None:
        """Close one that was lent, or give up opening one."""
        if lent is not None:
            lent.session.close()
        with self._changed:
            self._count -= 1
            self._changed.notify()

    # --- which build ---------------------------------------------------------------------------

    def _in_current(self, lent: Lent, ask: Callable[[], T | None]) -> T:
        """What is asked of the current build; None: the connection reads another one."""
        for _ in range(_TRIES):
            gone: psycopg.Error | None = None
            try:
                found = ask()
            except psycopg.errors.UndefinedTable as error:
                lent.session.roll_back()
                lent.session.unlock()
                found, gone = None, error
            if found is not None:
                return found
            before = lent.build.row
            self._follow(lent)
            if gone is not None and before == lent.build.row:
                raise self._gone(before.build) from gone
        raise ViewUnavailableError(f"the build that is read in {self._address.shown} changes; try again")

    def _follow(self, lent: Lent) -> None:
        """Have a connection read the build that is current now."""
        session, address = lent.session, self._address
        session.use(address.schema)
        row = current_row(session)
        if row is None:
            raise NoViewError(f"there is no view in {address.shown} yet; it comes with the first collector")
        if row.build.format_version != FORMAT_VERSION:
            raise OtherBuildError(
                f"build {row.build.name} in {address.shown} has format {row.build.format_version}, and this "
                f"version reads {FORMAT_VERSION}; {make_anew(address)}",
                row.build,
            )
        lent.lock_key = (store_key(session, address), key(row.number, READERS))
        session.use(build_schema(address, row.build.name), address.schema)
        with self._changed:
            if self._current is None or self._current.row != row:
                self._current = ReadBuild(row)
            lent.build = self._current

    def _gone(self, build: Build) -> GoneViewError:
        return GoneViewError(
            f"build {build.name} in {self._address.shown} is gone; {make_anew(self._address)}"
        )
