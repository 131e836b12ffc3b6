"""A place by the address of its views, for programs that share it."""

from __future__ import annotations

from pathlib import Path

from query.views.compaction_limits import CompactionLimits
from tests.query.views.place import Place
from tests.query.views.postgres_place import PostgresPlace
from tests.query.views.sqlite_place import TINY, SqlitePlace


def place_at(url: str, limits: CompactionLimits = TINY) -> Place:
    """`sqlite:///DIR` or `postgresql://...`."""
    folder = url.removeprefix("sqlite:///")
    return PostgresPlace(url, limits) if folder == url else SqlitePlace(Path(folder), limits)
