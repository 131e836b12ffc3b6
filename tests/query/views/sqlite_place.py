"""Views in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from query.views.building import Builds
from query.views.compaction_limits import CompactionLimits
from query.views.sqlite_builds import SQLiteBuilds
from query.views.sqlite_folder import SQLiteFolder
from query.views.sqlite_reader import SQLiteViewReader
from query.views.sqlite_writer import SQLiteViewWriter
from query.views.store import ViewReader, ViewWriter
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
        folder = SQLiteFolder(self.folder)
        return SQLiteViewWriter(
            folder, projections=projections, retention_ms=retention_ms, limits=self._limits
        )

    def _reader(self) -> ViewReader:
        return SQLiteViewReader(SQLiteFolder(self.folder))

    def _builds(self) -> Builds:
        return SQLiteBuilds(SQLiteFolder(self.folder))
