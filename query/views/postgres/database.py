"""Where the builds of a store of views in PostgreSQL are found, opened and read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from typing import Final

from query.clock import Clock, SystemClock
from query.views.database import Reading, Tables, ViewDatabase
from query.views.errors import OtherBuildError, ViewError
from query.views.model import ViewStatus
from query.views.postgres import quick
from query.views.postgres.address import Address
from query.views.postgres.build_rows import current_row
from query.views.postgres.changes import begun, set_current, sweep
from query.views.postgres.connection import PostgresTables
from query.views.postgres.errors import make_anew, replay
from query.views.postgres.pool import ReadPool
from query.views.postgres.status import status_of
from query.views.postgres.store import Store
from query.views.projections import listed
from query.views.store import AsOf

_SWEEP_MS: Final = 60_000


class PostgresDatabase(ViewDatabase):
    """See `ViewDatabase`.

    Args:
        address: of the store, which need not exist.
        clock: what time it is when a build is made.
    """

    def __init__(self, address: Address, clock: Clock | None = None) -> None:
        self.replay = replay(address)
        self._address = address
        self._clock = clock or SystemClock()
        self._store = Store(address)
        self._pool = ReadPool(address)
        self._swept_at_ms = self._clock.wall_ms()

    def reading(self) -> AbstractContextManager[Reading]:
        return self._pool.reading()

    def as_of(self) -> AsOf:
        return quick.as_of(self._pool)

    def status(self) -> ViewStatus:
        return quick.status(self._pool) or super().status()

    def current_or_first(self, projections: Mapping[str, int]) -> str:
        row = self._store.current()
        self._sweep_now_and_then()
        if row is not None:
            return row.build.name
        with self._store.changing() as session:
            made_meanwhile = current_row(session)
            if made_meanwhile is not None:
                return made_meanwhile.build.name
            made = begun(session, self._address, projections, self._clock.wall_ms(), None)
            set_current(session, made)
        return made.build.name

    def _sweep_now_and_then(self) -> None:
        """What was replaced may have been read to the end since."""
        now_ms = self._clock.wall_ms()
        if not 0 <= now_ms - self._swept_at_ms < _SWEEP_MS:
            self._swept_at_ms = now_ms
            sweep(self._store)

    def open_tables(self, name: str, projections: Mapping[str, int] | None) -> Tables:
        row = self._store.readable(name)
        if projections is not None and dict(row.build.projections) != dict(projections):
            raise OtherBuildError(
                f"build {name} in {self._address.shown} was made by other projections "
                f"({listed(row.build.projections)}) than those of this version; {make_anew(self._address)}",
                row.build,
            )
        return PostgresTables(self._address, row, is_followed=projections is not None)

    def beside(self) -> list[ViewStatus]:
        found: list[ViewStatus] = []
        for name in quick.names_beside(self._pool):
            with suppress(ViewError):
                found.append(status_of(self._store, name))
        return found

    def close(self) -> None:
        self._pool.close()
        self._store.close()
