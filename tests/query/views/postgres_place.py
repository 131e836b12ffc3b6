"""Views in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from query.views.building import Builds
from query.views.compaction_limits import CompactionLimits
from query.views.postgres.address import parse
from query.views.postgres.builds import PostgresBuilds
from query.views.postgres.database import PostgresDatabase
from query.views.reading import BlockViewReader
from query.views.store import ViewReader, ViewWriter
from query.views.writing import BlockViewWriter
from tests.postgres_server import PostgresServer
from tests.query.views.place import Place
from tests.query.views.sqlite_place import TINY


class PostgresPlace(Place):
    """A store, with limits that suit tests, or those that one asks for."""

    def __init__(self, url: str, limits: CompactionLimits = TINY) -> None:
        super().__init__()
        self.url = url
        self._limits = limits

    def _writer(self, projections: Mapping[str, int], retention_ms: int | None) -> ViewWriter:
        database = PostgresDatabase(parse(self.url))
        return BlockViewWriter(
            database, projections=projections, retention_ms=retention_ms, limits=self._limits
        )

    def _reader(self) -> ViewReader:
        return BlockViewReader(PostgresDatabase(parse(self.url)))

    def _builds(self) -> Builds:
        return PostgresBuilds(parse(self.url))


class OwnPostgresPlace(PostgresPlace):
    """A store of its own, which goes when it is closed."""

    def __init__(self, server: PostgresServer, limits: CompactionLimits = TINY) -> None:
        self.server = server
        self.store = server.new_store("place")
        super().__init__(server.url(self.store), limits)

    def close(self) -> None:
        super().close()
        self.server.start()
        self.server.drop_store(self.store)
