"""A connection that writes to a build. One that is lost is opened again by the next call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from query.views.database import Tables
from query.views.errors import GoneViewError
from query.views.model import PartitionState
from query.views.postgres.address import Address
from query.views.postgres.advisory import WORK, key, store_key
from query.views.postgres.build_rows import BuildRow
from query.views.postgres.errors import make_anew, plain_errors
from query.views.postgres.head import states_of
from query.views.postgres.known import Known
from query.views.postgres.maintained import PostgresMaintained
from query.views.postgres.schema import build_schema
from query.views.postgres.session import Session
from query.views.postgres.transaction import PostgresTransaction
from query.views.tables import Maintained, Transaction

_BUSY_CHURN: Final = 32 * 1024 * 1024
_IDLE_CHURN: Final = 4 * 1024 * 1024


class PostgresTables(Tables):
    """See `Tables`.

    Args:
        address: of the store.
        row: of the build.
        is_followed: whether whoever writes asks anyhow, before each call, which build is current.
    """

    def __init__(self, address: Address, row: BuildRow, *, is_followed: bool = False) -> None:
        self._is_followed = is_followed
        self.build = row.build
        self._address = address
        self._row = row
        self._known = Known()
        self._session: Session | None = None
        self._store_key = 0
        self._has_lease = False
        self._churned = 0
        """Bytes written since the tables that churn were vacuumed."""
        with self.plain_errors():
            self._opened()

    def plain_errors(self) -> AbstractContextManager[None]:
        return plain_errors(self._address, self.build.name)

    @contextmanager
    def moment(self) -> Iterator[Maintained]:
        with self.plain_errors():
            session = self._opened()
            with session.reading():
                yield PostgresMaintained(session, self._known)

    def states(self) -> tuple[tuple[str, str] | None, Mapping[int, PartitionState]]:
        with self.plain_errors():
            return states_of(self._opened())

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.plain_errors():
            session = self._opened()
            transaction = PostgresTransaction(session, self._store_key, self._row.number)
            try:
                yield transaction
                transaction.commit()
                self._churned += transaction.written_bytes
            except BaseException:
                session.roll_back()
                raise

    def take_lease(self, now_ms: int, lease_ms: int) -> bool:  # noqa: ARG002  # the port's
        """The server knows when a session ends: times are not looked at."""
        with self.plain_errors():
            session = self._opened()
            if self._has_lease:
                self._vacuum(session, _BUSY_CHURN)
            else:
                [(self._has_lease,)] = session.rows(
                    "SELECT pg_try_advisory_lock($1::int, $2::int)",
                    self._store_key,
                    key(self._row.number, WORK),
                )
            return self._has_lease

    def release_lease(self) -> None:
        if self._churned >= _IDLE_CHURN and self.take_lease(0, 0):
            with self.plain_errors():
                self._vacuum(self._opened(), _IDLE_CHURN)
        has_lease, self._has_lease = self._has_lease, False
        if has_lease and self._session is not None and not self._session.is_broken:
            with self.plain_errors():
                self._session.rows(
                    "SELECT pg_advisory_unlock($1::int, $2::int)",
                    self._store_key,
                    key(self._row.number, WORK),
                )

    def _vacuum(self, session: Session, churned_max: int) -> None:
        """Have the place of what has gone used again; autovacuum looks once a minute: many batches."""
        if self._churned >= churned_max:
            self._churned = 0
            session.script("VACUUM (SKIP_LOCKED) tails, young_blocks, latest, checkpoints, origins")

    def refuse_gone(self) -> None:
        """Ask the store: what was dropped may still have its tables, for those who read it."""
        if self._is_followed:
            return
        with self.plain_errors():
            found = self._opened().rows(
                "SELECT 1 FROM builds WHERE id = $1::int "
                "AND (role IS NOT NULL OR EXISTS (SELECT FROM current WHERE build = $1))",
                self._row.number,
            )
        if not found:
            raise GoneViewError(
                f"build {self.build.name} in {self._address.shown} is gone; {make_anew(self._address)}"
            )

    def close(self) -> None:
        session, self._session = self._session, None
        has_lease, self._has_lease = self._has_lease, False
        if session is not None:
            if has_lease:
                session.unlock()
            session.close()

    def _opened(self) -> Session:
        if self._session is not None:
            self._session.notice_end()
            if not self._session.is_broken:
                return self._session
        self.close()
        session = Session(self._address, build_schema(self._address, self.build.name), self._address.schema)
        try:
            self._store_key = store_key(session, self._address)
        except BaseException:
            session.close()
            raise
        self._session = session
        return session
