"""A transaction that writes to a build.

Statements without answers wait for the next one with an answer, or the end: an apply is three round trips.

Locks are taken in one order, so that no two transactions wait for each other: first the rows of the
checkpoints, by partition; then, for all else that two may want at once (a first checkpoint, a new number, the
latest values), the build's lock `APPLY`. So collectors insert side by side, and merge latest values one after
another. It is several classes, each for one kind of what is written; `transaction` has them all.
"""

from __future__ import annotations

from typing import Any, Final

from query.views.postgres.advisory import APPLY, key
from query.views.postgres.head import HEAD, Head
from query.views.postgres.known import Known
from query.views.postgres.moment import PostgresMoment
from query.views.postgres.session import Row, Session, Statement

_UNSENT_BYTES_MAX: Final = 8 * 1024 * 1024
_LOCK: Final = "SELECT 1 FROM pg_advisory_xact_lock($1::int, $2::int)"


class PostgresWriting(PostgresMoment):
    """What all of it needs.

    Args:
        session: no transaction was begun on it.
        store_key: the first half of the advisory keys of the store.
        number: that of the build.
    """

    def __init__(self, session: Session, store_key: int, number: int) -> None:
        super().__init__(session, Known(), "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        self._lock_key = (store_key, key(number, APPLY))
        self._is_locked = False
        self._unsent_bytes = 0
        self.written_bytes = 0

    def commit(self) -> None:
        """Keep all of it."""
        if self._unsent or self.is_begun:
            self._ask("COMMIT")

    def _head(self) -> Head:
        """What it is now: it changes with what is written."""
        return Head.of_rows(self._ask(HEAD))

    def _ask_all(self, *statements: Statement) -> list[list[Row]]:
        self._unsent_bytes = 0
        return super()._ask_all(*statements)

    def _later(self, text: str, *parameters: Any) -> None:
        """Send a statement with what is asked next, or at the end."""
        self._unsent.append((text, parameters))
        size = sum(len(one) for one in parameters if isinstance(one, bytes))
        self._unsent_bytes += size
        self.written_bytes += size
        if self._unsent_bytes > _UNSENT_BYTES_MAX:
            self._ask_all()

    def _lock(self) -> None:
        """Wait for the build's lock, with what is asked next."""
        if not self._is_locked:
            self._is_locked = True
            self._later(_LOCK, *self._lock_key)
