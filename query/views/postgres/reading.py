"""Reading a build on a connection that was lent.

Whoever reads a build in several transactions shares its lock `READERS` meanwhile, and nobody drops it. The
lock, which build is current, and the head come in the round trip that begins the first transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import psycopg

from query.views.database import Reading
from query.views.names import Names
from query.views.postgres.address import Address
from query.views.postgres.build_rows import BuildRow
from query.views.postgres.errors import plain_errors
from query.views.postgres.head import HEAD_COLUMNS, HEAD_TABLES, Head
from query.views.postgres.known import Known
from query.views.postgres.moment import BEGIN_READING, PostgresMoment
from query.views.postgres.session import Row, Session
from query.views.tables import Moment

_LOCKED_HEAD: Final = f"""
SELECT (SELECT build FROM current), (SELECT pg_try_advisory_lock_shared($1::int, $2::int)), {HEAD_COLUMNS}
    FROM {HEAD_TABLES}
"""  # noqa: S608
_UNLOCK: Final = "SELECT pg_advisory_unlock_shared($1::int, $2::int)"


class ReadBuild:
    """One build as readers use it."""

    def __init__(self, row: BuildRow) -> None:
        self.row = row
        self.names = Names()
        self.known = Known()


class Lent:
    """A connection, and the build that it reads."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.build: ReadBuild
        self.lock_key: tuple[int, int]

    def begun(self) -> Head | None:
        """Begin a transaction, and keep the build from being dropped; None: it is not current any more."""
        _, rows = self.session.run((BEGIN_READING, ()), (_LOCKED_HEAD, self.lock_key))
        current, is_locked = rows[0][:2] if rows else (None, False)
        if is_locked and current == self.build.row.number:
            return Head.of_rows([row[2:] for row in rows])
        self.session.run(("COMMIT", ()))
        if is_locked:
            self.session.rows(_UNLOCK, *self.lock_key)
        return None

    def found(self, question: str) -> list[Row] | None:
        """What one statement finds; None: the build is not current any more."""
        rows = self.session.rows(question)
        return rows if rows and rows[0][0] == self.build.row.number else None

    def end(self) -> None:
        """End what `begun` has begun."""
        if not self.session.is_broken:
            try:
                self.session.end()
                self.session.send((_UNLOCK, self.lock_key))
            except psycopg.Error:
                self.session.close()


class PostgresReading(Reading):
    """See `Reading`. Its first transaction has begun already."""

    def __init__(self, address: Address, lent: Lent, head: Head) -> None:
        self.build = lent.build.row.build
        self.names = lent.build.names
        self._address = address
        self._lent = lent
        self._head: Head | None = head

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        session, head = self._lent.session, self._head
        self._head = None
        with self.plain_errors(), session.reading():
            yield PostgresMoment(session, self._lent.build.known, head=head)

    def plain_errors(self) -> AbstractContextManager[None]:
        return plain_errors(self._address, self.build.name)
