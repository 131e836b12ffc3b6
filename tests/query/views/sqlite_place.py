"""Views in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import apsw

from query.views.building import Builds
from query.views.compaction_limits import CompactionLimits
from query.views.model import Build
from query.views.reading import BlockViewReader
from query.views.sqlite.builds import SQLiteBuilds
from query.views.sqlite.database import SQLiteDatabase
from query.views.sqlite.folder import SQLiteFolder
from query.views.store import ViewReader, ViewWriter
from query.views.writing import BlockViewWriter
from tests.query.views.place import Place

TINY = CompactionLimits(
    fold_rows_max=500,
    gpu_rows=1,
    shelf_tails=4,
    block_rows=100,
    block_span_ms=60_000,
    gpu_blocks=4,
)
"""So that what a test applies is many pieces of work, and many blocks."""
LAZY = CompactionLimits(
    fold_rows_max=2_000,
    gpu_rows=50,
    shelf_tails=3,
    block_rows=500,
    block_span_ms=3_600_000,
    gpu_blocks=8,
)
"""So that rows stay in tails for a while, and many of these become one."""


class SqlitePlace(Place):
    """With limits that suit tests, or those that one asks for."""

    def __init__(self, folder: Path, limits: CompactionLimits = TINY) -> None:
        super().__init__()
        self.folder = folder
        self._limits = limits

    def _writer(self, projections: Mapping[str, int], retention_ms: int | None) -> ViewWriter:
        return BlockViewWriter(
            self._database(), projections=projections, retention_ms=retention_ms, limits=self._limits
        )

    def _reader(self) -> ViewReader:
        return BlockViewReader(self._database())

    def _builds(self) -> Builds:
        return SQLiteBuilds(SQLiteFolder(self.folder))

    def _database(self) -> SQLiteDatabase:
        return SQLiteDatabase(SQLiteFolder(self.folder))


class WatchedFolder(SQLiteFolder):
    """It tells which connections write."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.connections: list[apsw.Connection] = []

    def open_for_writing(
        self, name: str, projections: Mapping[str, int] | None = None
    ) -> tuple[Build, Path, apsw.Connection]:
        opened = super().open_for_writing(name, projections)
        self.connections.append(opened[2])
        return opened
